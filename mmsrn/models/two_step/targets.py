"""Training targets of SRN's two steps."""

from __future__ import annotations

import inspect
from typing import NamedTuple

import torch
from mmdet.models.task_modules.assigners import AssignResult
from mmdet.models.task_modules.prior_generators import anchor_inside_flags
from mmdet.models.task_modules.samplers import PseudoSampler
from mmdet.registry import TASK_UTILS
from mmdet.structures.bbox import bbox_overlaps, get_box_tensor
from mmdet.utils import ConfigType
from mmengine.structures import InstanceData
from torch import Tensor, nn

from ..utils import reject_unknown

_MAX_PAIRS = 2**22  # of priors and ignored boxes at a time


class StepTargets(NamedTuple):
    """What the samples of a batch should predict in one step.

    B images, N priors each, P positives in the whole batch.  Only positives
    carry boxes, because only they are regressed.

    Attributes:
        labels (Tensor): int64, (B, N): class index, ``num_classes`` for
            negatives, -1 for samples that enter no loss.
        pos_inds (tuple[Tensor, Tensor]): Image and prior index of the
            positives, each (P,).
        pos_bboxes (Tensor): Their ground-truth boxes x1, y1, x2, y2 in
            pixels, (P, 4).
    """

    labels: Tensor
    pos_inds: tuple[Tensor, Tensor]
    pos_bboxes: Tensor

    @property
    def sizes(self) -> Tensor:
        """Square roots of the areas of the positives' objects in pixels.

        (B, N), 0 for all other samples.
        """
        sides = self.pos_bboxes[:, 2:] - self.pos_bboxes[:, :2]
        sizes = sides.new_zeros(self.labels.shape)
        sizes[self.pos_inds] = sides.prod(dim=1).sqrt()
        return sizes


class TwoStepTargets(NamedTuple):
    """What both steps start from, and should predict, in a batch.

    B images, N priors each.

    Attributes:
        level_sizes (list[int]): Priors of every level, sum N.
        valid (Tensor): bool, (B, N): False for cells in the padding.
        anchors (Tensor): Anchors of the first step: x1, y1, x2, y2 in pixels,
            (B, N, 4).
        moved (Tensor): Those of the second step, (B, N, 4).
        first (StepTargets): Targets of the first step.
        second (StepTargets): Targets of the second step.
    """

    level_sizes: list[int]
    valid: Tensor
    anchors: Tensor
    moved: Tensor
    first: StepTargets
    second: StepTargets


class StepAssigner:
    """Assigner, sampler and border rule of one step.

    Args:
        cfg (dict): ``assigner`` (any dense mmdet assigner that works on
            priors), and optionally ``sampler`` and ``allowed_border``
            (pixels, default -1: priors may leave the image).
        num_classes (int): Label of negatives.
        context (nn.Module): Head, for samplers that ask for it.

    Raises:
        KeyError: If ``cfg`` names no assigner.
        ValueError: If the sampler adds ground truth to the priors, or
            ``cfg`` has further keys.
    """

    def __init__(
        self, cfg: ConfigType, num_classes: int, context: nn.Module
    ) -> None:
        if 'assigner' not in cfg:
            raise KeyError(
                "each step of SRNHead's train_cfg ('first_step', "
                f"'second_step') needs an 'assigner', got {dict(cfg)}"
            )
        reject_unknown(
            cfg,
            ('assigner', 'sampler', 'allowed_border'),
            "a step of SRNHead's train_cfg",
        )
        self.assigner = TASK_UTILS.build(cfg['assigner'])
        if cfg.get('sampler') is None:
            self.sampler = PseudoSampler()
        else:
            self.sampler = TASK_UTILS.build(
                cfg['sampler'], default_args=dict(context=context)
            )
        # The indices of such a sampler count the ground truth as well.
        if getattr(self.sampler, 'add_gt_as_proposals', False):
            raise ValueError(
                f'StepAssigner: the sampler {type(self.sampler).__name__} '
                'adds ground truth to the priors, which have none to predict '
                'from; set add_gt_as_proposals=False in its config'
            )
        self.allowed_border = cfg.get('allowed_border', -1)
        self.num_classes = num_classes
        # ATSS-like assigners choose candidates level by level.
        self._by_level = 'num_level_priors' in (
            inspect.signature(self.assigner.assign).parameters
        )

    def __call__(
        self,
        priors: Tensor,
        valid: Tensor,
        num_level_priors: list[int],
        batch_gt_instances: list[InstanceData],
        batch_img_metas: list[dict],
        batch_gt_instances_ignore: list[InstanceData] | None = None,
    ) -> StepTargets:
        """Assign and sample a batch.

        Args:
            priors (Tensor): Boxes x1, y1, x2, y2 in pixels, (B, N, 4).
            valid (Tensor): bool, (B, N): False for cells in the padding.
            num_level_priors (list[int]): Priors of each level, sum N.
            batch_gt_instances (list[InstanceData]): ``bboxes``, ``labels``.
            batch_img_metas (list[dict]): With ``img_shape``.
            batch_gt_instances_ignore (list[InstanceData], optional): Boxes to
                be neither learnt nor unlearnt.

        Returns:
            StepTargets: On the device of ``priors``.
        """
        if batch_gt_instances_ignore is None:
            batch_gt_instances_ignore = [None] * len(batch_gt_instances)
        labels, images, inds, bboxes = [], [], [], []
        for i, (gts, ignored, meta) in enumerate(
            zip(batch_gt_instances, batch_gt_instances_ignore, batch_img_metas)
        ):
            inside = anchor_inside_flags(
                priors[i], valid[i], meta['img_shape'], self.allowed_border
            )
            result = self._sample(
                priors[i], inside, num_level_priors, gts, ignored
            )
            where = inside.nonzero().squeeze(1)
            pos, neg = where[result.pos_inds], where[result.neg_inds]
            label = inside.new_full(inside.shape, -1, dtype=torch.long)
            label[neg] = self.num_classes
            label[pos] = result.pos_gt_labels
            labels.append(label)
            images.append(torch.full_like(pos, i))
            inds.append(pos)
            bboxes.append(get_box_tensor(result.pos_gt_bboxes))
        return StepTargets(
            torch.stack(labels),
            (torch.cat(images), torch.cat(inds)),
            torch.cat(bboxes),
        )

    def _sample(self, priors, inside, num_level_priors, gts, ignored):
        kwargs = {}
        if self._by_level:
            kwargs['num_level_priors'] = [
                int(level.sum()) for level in inside.split(num_level_priors)
            ]
        candidates = InstanceData(priors=priors[inside])
        assigned = self.assigner.assign(
            candidates,
            gt_instances=gts,
            gt_instances_ignore=ignored,
            **kwargs,
        )
        if len(gts) == 0:
            self._respect_ignored(assigned, candidates.priors, ignored)
        return self.sampler.sample(assigned, candidates, gts)

    def _respect_ignored(
        self,
        assigned: AssignResult,
        priors: Tensor,
        ignored: InstanceData | None,
    ) -> None:
        """Take priors on ignored faces out of an image without ground truth.

        mmdet's assigners then call every prior a negative: an image whose
        faces are all marked as ignored would teach that they are none.
        """
        thr = getattr(self.assigner, 'ignore_iof_thr', -1)
        if thr <= 0 or ignored is None or len(ignored) == 0:
            return
        boxes = get_box_tensor(ignored.bboxes)
        # Assigners without the option measure as if it were set.
        of_priors = getattr(self.assigner, 'ignore_wrt_candidates', True)
        largest = [
            bbox_overlaps(part, boxes, mode='iof').amax(dim=1)
            if of_priors
            else bbox_overlaps(boxes, part, mode='iof').amax(dim=0)
            for part in priors.split(max(_MAX_PAIRS // len(boxes), 1))
        ]
        assigned.gt_inds[torch.cat(largest) > thr] = -1


def assign_two_steps(
    assigners: tuple[StepAssigner, StepAssigner],
    level_sizes: list[int],
    valid: Tensor,
    anchors: Tensor,
    moved: Tensor,
    batch: tuple,
    keep_negatives: Tensor,
) -> TwoStepTargets:
    """Assign anchors in the first step and moved anchors in the second.

    Args:
        assigners (tuple[StepAssigner, StepAssigner]): Of both steps.
        level_sizes, valid, anchors, moved: See :class:`TwoStepTargets`.
        batch (tuple): Ground truth, metas and ignored ground truth, see
            :class:`StepAssigner`.
        keep_negatives (Tensor): bool, (N,): priors that stay negatives if the
            first step says that they are.

    Returns:
        TwoStepTargets: Of the batch.
    """
    first = assigners[0](anchors, valid, level_sizes, *batch)
    background = assigners[0].num_classes
    kept = keep_negatives & (first.labels == background)
    second = assigners[1](moved.detach(), valid & ~kept, level_sizes, *batch)
    second.labels[kept] = background
    return TwoStepTargets(level_sizes, valid, anchors, moved, first, second)
