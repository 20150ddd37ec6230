"""Selective regression in mmdet's ATSSHead."""

import torch
from mmdet.models.dense_heads import ATSSHead
from mmdet.registry import MODELS
from mmdet.utils import InstanceList, OptInstanceList
from torch import Tensor

from ..two_step import move_anchors
from ..utils import check_first_maps, check_number_of_maps, checked_levels


@MODELS.register_module()
class STRATSSHead(ATSSHead):
    """ATSSHead whose anchors are moved first on some levels (STR).

    A small adapter, and a pattern for other heads. The deltas of the first
    step are further channels of the second step's map. Moved anchors reach
    mmdet's assignment in the meta of each image. ATSSHead weighs and divides
    the losses of both steps, so ``STRLoss`` is not needed.

    Args:
        args, kwargs: As in ``ATSSHead``; ``in_channels`` of both sets of
            maps.
        str_levels (tuple[int]): Indices of the levels.

    Raises:
        ValueError: If a level does not exist.
    """

    def __init__(
        self, *args, str_levels: tuple[int, ...] = (2, 3, 4), **kwargs
    ) -> None:
        super().__init__(*args, **kwargs)
        self.str_levels = checked_levels(
            'STRATSSHead: str_levels',
            str_levels,
            self.prior_generator.num_levels,
        )

    def forward(
        self, x: tuple[Tensor | None, ...]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Predict boxes in both steps, the rest in the second.

        Args:
            x (tuple[Tensor | None]): n or 2n maps, see ``SRNHead``.

        Returns:
            tuple[list, list, list]: Over the n levels: logits (N, priors *
            classes, H, W), deltas (N, priors * 4, H, W), twice the channels
            on the levels of STR, and centernesses (N, priors, H, W).

        Raises:
            ValueError: If the number of maps fits neither n nor 2n, or a map
                that is needed is ``None``.
        """
        n = self.prior_generator.num_levels
        check_number_of_maps('STRATSSHead', x, n)
        check_first_maps(
            f'STRATSSHead: str_levels={self.str_levels}',
            self.str_levels,
            [i for i in range(n) if x[i] is not None],
        )
        scores, deltas, centernesses = super().forward(x[-n:])
        for i in self.str_levels:
            first = x[i]
            for conv in self.reg_convs:
                first = conv(first)
            first = self.scales[i](self.atss_reg(first)).float()
            deltas[i] = torch.cat([deltas[i], first], dim=1)
        return scores, deltas, centernesses

    def _steps(
        self, deltas: list[Tensor], dim: int
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Deltas of both steps; the second's, where there is only one."""
        width = self.num_base_priors * self.bbox_coder.encode_size
        parts = [x.split(width, dim=dim) for x in deltas]
        return [x[-1] for x in parts], [x[0] for x in parts]

    def _move(self, priors: list[Tensor], first: list[Tensor]) -> list[Tensor]:
        """Anchors of one image for the second step.

        Args:
            priors (list[Tensor]): x1, y1, x2, y2 in pixels, (M, 4) a level.
            first (list[Tensor]): First-step deltas, (priors * 4, H, W).

        Returns:
            list[Tensor]: As ``priors``; no gradient passes through them.
        """
        moved = list(priors)
        for i in self.str_levels:
            deltas = first[i].detach().permute(1, 2, 0).reshape(-1, 4)
            moved[i] = move_anchors(self.bbox_coder, priors[i], deltas)
        return moved

    def loss_by_feat(
        self,
        cls_scores: list[Tensor],
        bbox_preds: list[Tensor],
        centernesses: list[Tensor],
        batch_gt_instances: InstanceList,
        batch_img_metas: list[dict],
        batch_gt_instances_ignore: OptInstanceList = None,
    ) -> dict[str, list[Tensor]]:
        """Losses of both steps, see ``ATSSHead``.

        Returns:
            dict[str, list[Tensor]]: Those of ``ATSSHead`` with the moved
            anchors, and ``loss_bbox_fs`` of the first step.
        """

        def loss(deltas, metas):
            return super(STRATSSHead, self).loss_by_feat(
                cls_scores,
                deltas,
                centernesses,
                batch_gt_instances,
                metas,
                batch_gt_instances_ignore,
            )

        first, second = self._steps(bbox_preds, dim=1)
        sizes = [x.shape[-2:] for x in first]
        anchors, _ = self.get_anchors(
            sizes, batch_img_metas, device=first[0].device
        )
        moved = [
            dict(meta, moved=self._move(anchors[i], [x[i] for x in first]))
            for i, meta in enumerate(batch_img_metas)
        ]
        losses_fs = loss(first, batch_img_metas)['loss_bbox']
        losses = loss(second, moved)
        losses['loss_bbox_fs'] = [losses_fs[i] for i in self.str_levels]
        return losses

    def get_anchors(
        self,
        featmap_sizes: list[tuple[int, int]],
        batch_img_metas: list[dict],
        device: torch.device | str = 'cuda',
    ) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        """Get the anchors of each image: those of its meta, else the grid.

        Args:
            featmap_sizes (list[tuple[int, int]]): Height and width of levels.
            batch_img_metas (list[dict]): With ``pad_shape``, and ``moved`` in
                the second step.
            device (torch.device | str): Device of the anchors.

        Returns:
            tuple[list, list]: Over images and levels, anchors (M, 4) and
            which of them lie inside (M,).
        """
        anchors, flags = super().get_anchors(
            featmap_sizes, batch_img_metas, device=device
        )
        moved = [
            list(meta.get('moved', own))
            for meta, own in zip(batch_img_metas, anchors)
        ]
        return moved, flags

    def _predict_by_feat_single(
        self,
        cls_score_list: list[Tensor],
        bbox_pred_list: list[Tensor],
        score_factor_list: list[Tensor],
        mlvl_priors: list[Tensor],
        *args,
        **kwargs,
    ) -> InstanceList:
        """Detections of one image, from its moved anchors."""
        first, second = self._steps(bbox_pred_list, dim=0)
        return super()._predict_by_feat_single(
            cls_score_list,
            second,
            score_factor_list,
            self._move(mlvl_priors, first),
            *args,
            **kwargs,
        )
