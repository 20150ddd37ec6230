"""Selective classification in mmdet's RetinaHead."""

import torch
from mmdet.models.dense_heads import RetinaHead
from mmdet.registry import MODELS
from mmdet.utils import ConfigType, InstanceList
from torch import Tensor

from ..two_step import STCGate, takes_quality, weighed_loss
from ..utils import (
    check_first_maps,
    check_number_of_maps,
    checked_levels,
    flatten_levels,
    reject_unknown,
)


@MODELS.register_module()
class STCRetinaHead(RetinaHead):
    """RetinaHead whose scores are predicted twice on some levels (STC).

    A small adapter, and a pattern for other heads. mmdet passes score maps on
    level by level, so the logits of the first step are further channels of the
    second step's map. The losses of both steps are divided by the positives of
    the batch, as in RetinaHead.

    Args:
        args, kwargs: As in ``RetinaHead``; ``in_channels`` of both sets of
            maps.
        loss_cls (dict): As in ``AnchorHead``, of sigmoids.
        loss_stc (dict): ``levels`` and optionally ``theta``,
            ``spare_positives``, as in ``STCGate``, and ``first_step_weight``.

    Raises:
        ValueError: If ``loss_cls`` is a softmax, learns overlaps or ignores
            weights, or ``loss_stc`` has unknown keys or levels.
    """

    def __init__(
        self,
        *args,
        loss_cls: ConfigType = dict(type='FocalLoss', use_sigmoid=True),
        loss_stc: ConfigType = dict(levels=(0, 1)),
        **kwargs,
    ) -> None:
        super().__init__(*args, loss_cls=loss_cls, **kwargs)
        if not self.use_sigmoid_cls:
            raise ValueError('STCRetinaHead: loss_cls must be of sigmoids')
        known = ('levels', 'theta', 'spare_positives', 'first_step_weight')
        reject_unknown(loss_stc, known, "STCRetinaHead's loss_stc")
        weighed_loss('STCRetinaHead: loss_cls', self.loss_cls)
        if takes_quality(self.loss_cls):
            raise ValueError(
                f'STCRetinaHead: loss_cls={type(self.loss_cls).__name__} '
                'wants an overlap beside the label, which RetinaHead does not '
                'compute; use FocalLoss, or SRNHead'
            )
        options = dict(dict(levels=(0, 1)), **loss_stc)
        self.first_step_weight = options.pop('first_step_weight', 1.0)
        levels = checked_levels(
            'STCRetinaHead: levels of loss_stc',
            options.pop('levels'),
            self.prior_generator.num_levels,
        )
        self.gate = STCGate(levels, **options)

    def forward(
        self, x: tuple[Tensor | None, ...]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Predict scores in both steps and boxes in the second.

        Args:
            x (tuple[Tensor | None]): n or 2n maps, see ``SRNHead``.

        Returns:
            tuple[list, list]: Over the n levels: logits (N, priors * classes,
            H, W), twice the channels on the levels of STC, and deltas
            (N, priors * 4, H, W).

        Raises:
            ValueError: If the number of maps fits neither n nor 2n, or a map
                that is needed is ``None``.
        """
        n, levels = self.prior_generator.num_levels, self.gate.levels
        check_number_of_maps('STCRetinaHead', x, n)
        check_first_maps(
            f'STCRetinaHead: levels={levels} of loss_stc',
            levels,
            [i for i in range(n) if x[i] is not None],
        )
        scores, deltas = super().forward(x[-n:])
        for i in levels:
            first = x[i]
            for conv in self.cls_convs:
                first = conv(first)
            scores[i] = torch.cat([scores[i], self.retina_cls(first)], dim=1)
        return scores, deltas

    def _steps(self, scores: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits of the second step, and of the first if there are any."""
        width = self.num_base_priors * self.cls_out_channels
        first = scores[:, width:]
        return scores[:, :width], first if first.shape[1] else None

    def _probabilities(self, logits: Tensor) -> Tensor:
        """Of the first step, (N, priors of the level, classes)."""
        return flatten_levels([logits], self.cls_out_channels).sigmoid()

    @torch.no_grad()
    def _passes(self, first: Tensor) -> Tensor:
        """Priors that the gate lets pass, (N, priors of the level)."""
        return self.gate.passes(self._probabilities(first))

    def loss_by_feat(
        self, cls_scores: list[Tensor], *args, **kwargs
    ) -> dict[str, Tensor | list[Tensor]]:
        """Compute the losses of both steps, see ``AnchorHead``.

        Returns:
            dict[str, Tensor | list[Tensor]]: Those of ``AnchorHead``; for the
            log, ``stc_dropped``: the share of the anchors on the levels of STC
            that the first step drops.
        """
        losses = super().loss_by_feat(cls_scores, *args, **kwargs)
        passed = [
            self._passes(self._steps(cls_scores[i])[1])
            for i in self.gate.levels
        ]
        if passed:
            losses['stc_dropped'] = 1 - torch.cat(passed, 1).float().mean()
        return losses

    def loss_by_feat_single(
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        anchors: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        bbox_weights: Tensor,
        avg_factor: float,
    ) -> tuple[Tensor, Tensor]:
        """Compute the losses of one level, see ``AnchorHead``.

        Returns:
            tuple[Tensor, Tensor]: Classification, the sum over both steps,
            and regression.
        """

        def loss(logits, weights):
            return super(STCRetinaHead, self).loss_by_feat_single(
                logits,
                bbox_pred,
                anchors,
                labels,
                weights,
                bbox_targets,
                bbox_weights,
                avg_factor=avg_factor,
            )

        second, first = self._steps(cls_score)
        if first is None:
            return loss(second, label_weights)
        selected = self.gate.select(
            labels,
            self._probabilities(first),
            torch.ones_like(labels[0], dtype=torch.bool),
            self.num_classes,
        )
        loss_fs, _ = loss(first, label_weights)
        loss_ss, loss_bbox = loss(second, label_weights * selected)
        return self.first_step_weight * loss_fs + loss_ss, loss_bbox

    def _predict_by_feat_single(
        self, cls_score_list: list[Tensor], *args, **kwargs
    ) -> InstanceList:
        """Detections of one image among what the first step lets pass."""
        return super()._predict_by_feat_single(
            [self._gate(x[None])[0] for x in cls_score_list], *args, **kwargs
        )

    def _gate(self, scores: Tensor) -> Tensor:
        second, first = self._steps(scores)
        if first is None:
            return second
        drop = ~self._passes(first)
        num, _, height, width = second.shape
        drop = drop.reshape(num, height, width, -1).permute(0, 3, 1, 2)
        # Channels: all classes of the first prior of a cell, then the next.
        drop = drop.repeat_interleave(self.cls_out_channels, dim=1)
        return second.masked_fill(drop, -torch.inf)
