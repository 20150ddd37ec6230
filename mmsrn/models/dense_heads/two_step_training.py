"""What a head with two steps learns: its targets and losses."""

from __future__ import annotations

import torch
from mmdet.registry import MODELS
from mmdet.utils import ConfigType, InstanceList, OptInstanceList
from torch import Tensor

from ..two_step import (
    STCGate,
    StepAssigner,
    TwoStepMaps,
    TwoStepTargets,
    assign_two_steps,
    box_samples,
    second_step_anchors,
    selection_log,
    step_qualities,
)
from ..utils import level_mask, reject_unknown
from .two_step_head import TwoStepHead


class TwoStepTrainingHead(TwoStepHead):
    """Base of SRN's head: targets and losses of both steps.

    :class:`SRNHead` documents the options.
    """

    def _build_losses(self, loss_stc, loss_str, theta):
        """Losses that weigh what the gate and the targets choose."""
        _reject_filled_in(
            'loss_stc',
            loss_stc,
            dict(loss_cls='loss_cls', levels='stc_levels', theta='theta'),
        )
        _reject_filled_in(
            'loss_str',
            loss_str,
            dict(loss_bbox='loss_bbox', levels='str_levels'),
        )
        self.loss_stc = MODELS.build(dict(loss_stc, loss_cls=self.loss_cls))
        self.loss_str = MODELS.build(dict(loss_str, loss_bbox=self.loss_bbox))
        self.gate = STCGate(
            self.stc_levels,
            theta,
            self.loss_stc.spare_positives,
            self.use_sigmoid_cls,
        )
        if self.loss_stc.takes_quality and not self.use_sigmoid_cls:
            raise ValueError(
                f'SRNHead: loss_cls={type(self.loss_cls).__name__} has no '
                'class for the background; write use_sigmoid=True into it'
            )

    def _build_assigners(self):
        """Build assigner and sampler of each step."""
        cfg, steps = self.train_cfg, ('first_step', 'second_step')
        reject_unknown(cfg, steps, "SRNHead's train_cfg")
        if not set(steps) <= set(cfg):
            raise ValueError(
                "SRNHead: train_cfg needs 'first_step' and 'second_step', "
                f'got {sorted(cfg)}'
            )
        self.first_assigner, self.second_assigner = (
            StepAssigner(cfg[step], self.num_classes, self) for step in steps
        )

    def assign(
        self,
        sizes: list[tuple[int, int]],
        deltas_fs: Tensor | None,
        batch_gt_instances: InstanceList,
        batch_img_metas: list[dict],
        batch_gt_instances_ignore: OptInstanceList = None,
    ) -> TwoStepTargets:
        """Move the anchors of a batch and assign both steps.

        Args:
            sizes (list[tuple[int, int]]): Height and width of every level.
            deltas_fs (Tensor, optional): First-step deltas on the levels of
                STR, (B, M, 4); ``None`` without such levels.
            batch_gt_instances, batch_img_metas, batch_gt_instances_ignore:
                See :meth:`loss_by_feat`.

        Returns:
            TwoStepTargets: On the device of the ground truth.

        Raises:
            ValueError: If the head has no ``train_cfg``.
        """
        if not self.train_cfg:
            raise ValueError(
                'SRNHead: to assign or train, train_cfg must give '
                "'first_step' and 'second_step'"
            )
        metas = batch_img_metas
        device = batch_gt_instances[0].bboxes.device
        level_anchors, flags = self.get_anchors(sizes, metas, device=device)
        level_sizes = [len(x) for x in level_anchors[0]]
        anchors = torch.cat(level_anchors[0])
        valid = torch.stack([torch.cat(x) for x in flags])
        in_str = level_mask(self.str_levels, level_sizes, device)
        moved = second_step_anchors(
            self.bbox_coder, anchors, deltas_fs, in_str
        )
        if self.detach_anchors:
            moved = moved.detach()
        return assign_two_steps(
            (self.first_assigner, self.second_assigner),
            level_sizes,
            valid,
            anchors.expand(len(metas), -1, -1),
            moved.expand(len(metas), -1, -1),
            (batch_gt_instances, metas, batch_gt_instances_ignore),
            in_str & (not self.refine_negatives),
        )

    def get_targets(self, *args, **kwargs) -> None:
        """Not supported: each step has its own targets, see :meth:`assign`.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            f'{type(self).__name__}: each step has targets of its own; '
            'assign() gives both'
        )

    def loss_by_feat(
        self,
        cls_fs: list[Tensor | None],
        bbox_fs: list[Tensor | None],
        cls_ss: list[Tensor],
        bbox_ss: list[Tensor],
        batch_gt_instances: InstanceList,
        batch_img_metas: list[dict],
        batch_gt_instances_ignore: OptInstanceList = None,
    ) -> dict[str, Tensor]:
        """Losses of both steps and what the selection did.

        Args:
            cls_fs, bbox_fs, cls_ss, bbox_ss (list[Tensor | None]): Outputs of
                :meth:`forward`.
            batch_gt_instances (list[InstanceData]): ``bboxes``, ``labels``.
            batch_img_metas (list[dict]): ``img_shape``, ``pad_shape``.
            batch_gt_instances_ignore (list[InstanceData], optional): Boxes
                to be ignored.

        Returns:
            dict[str, Tensor]: Scalars.  ``loss_cls_fs``, ``loss_bbox_fs``,
            ``loss_cls_ss``, ``loss_bbox_ss`` (fs, ss: first and second step)
            and, for the log, those of ``selection_log``.
        """
        maps = TwoStepMaps(cls_fs, bbox_fs, cls_ss, bbox_ss)
        joined = maps.join(self.cls_out_channels, self.bbox_coder.encode_size)
        targets = self.assign(
            maps.sizes,
            joined.first_deltas,
            batch_gt_instances,
            batch_img_metas,
            batch_gt_instances_ignore,
        )
        return self.losses(joined, targets)

    def losses(
        self, joined: TwoStepMaps, targets: TwoStepTargets
    ) -> dict[str, Tensor]:
        """Losses of outputs whose targets are known.

        Args:
            joined (TwoStepMaps): Outputs with all levels joined.
            targets (TwoStepTargets): See :meth:`assign`.

        Returns:
            dict[str, Tensor]: See :meth:`loss_by_feat`.
        """
        sizes, device = targets.level_sizes, targets.anchors.device
        in_stc = level_mask(self.stc_levels, sizes, device)
        in_str = level_mask(self.str_levels, sizes, device)
        first, second = targets.first, targets.second
        logits = joined.first_logits
        selected = self.gate.select(
            second.labels,
            None if logits is None else self.probabilities(logits),
            in_stc,
            self.num_classes,
        )
        losses = self.loss_stc(
            logits,
            first.labels,
            joined.second_logits,
            second.labels,
            selected,
            in_stc,
            self.num_classes,
            *self._beside_labels(joined, targets, in_str),
        )
        losses.update(self._box_losses(joined, targets, in_str))
        with torch.no_grad():
            losses.update(
                selection_log(
                    first,
                    second,
                    self.num_classes,
                    selected,
                    in_stc,
                    in_str,
                    targets.anchors,
                    targets.moved,
                )
            )
        return losses

    def _beside_labels(self, joined, targets, in_str):
        """What the class loss of each step wants to know beside labels."""
        if self.loss_stc.takes_sizes:
            return targets.first.sizes, targets.second.sizes
        if not self.loss_stc.takes_quality:
            return None, None
        return step_qualities(
            self.bbox_coder,
            targets,
            joined.first_deltas,
            joined.second_deltas,
            in_str,
        )

    def _box_losses(self, joined, targets, in_str):
        """Regression losses of both steps."""
        first, second = targets.first, targets.second
        first_samples = None
        if joined.first_deltas is not None:
            counted = self._positive(first.labels)
            if not self.loss_str.count_all_levels:
                counted = counted & in_str
            first_samples = box_samples(
                self.bbox_coder,
                targets.anchors[:, in_str],
                joined.first_deltas,
                self.loss_str.select_first(first, in_str),
                counted,
                self.reg_decoded_bbox,
            )
        second_samples = box_samples(
            self.bbox_coder,
            targets.moved,
            joined.second_deltas,
            second,
            self._positive(second.labels),
            self.reg_decoded_bbox or self.loss_str.decodes_second,
        )
        return self.loss_str(first_samples, second_samples)

    def _positive(self, labels):
        return (labels >= 0) & (labels < self.num_classes)


def _reject_filled_in(name: str, cfg: ConfigType, keys: dict) -> None:
    """Refuse keys of a loss that the head fills in from its own."""
    for key in keys.keys() & cfg.keys():
        raise ValueError(
            f"SRNHead: {name} sets '{key}'; set '{keys[key]}' of the head in "
            'its place'
        )
