"""Selective two-step regression (STR): its move and its loss."""

from __future__ import annotations

from typing import NamedTuple

from mmdet.models.losses import (
    BalancedL1Loss,
    L1Loss,
    MSELoss,
    SmoothL1Loss,
)
from mmdet.models.task_modules.coders import BaseBBoxCoder
from mmdet.registry import MODELS
from mmdet.utils import ConfigType
from torch import Tensor, nn

from .normalizer import PositiveNormalizer
from .targets import StepTargets
from .weighed_loss import weighed_loss

# Of pixels they would be hundreds of times larger.
_OF_DELTAS = (BalancedL1Loss, L1Loss, MSELoss, SmoothL1Loss)


def move_anchors(
    coder: BaseBBoxCoder, anchors: Tensor, deltas: Tensor
) -> Tensor:
    """Move anchors by the deltas of the first step.

    The only place where STR's move is written.

    Args:
        coder (BaseBBoxCoder): Turns deltas into boxes.
        anchors (Tensor): x1, y1, x2, y2 in pixels, (M, 4), the same for all
            images, or (B, M, 4).
        deltas (Tensor): Predictions of the first step, (B, M, 4) or (M, 4).

    Returns:
        Tensor: Anchors of the second step, as ``deltas``.
    """
    start = anchors.expand_as(deltas).reshape(-1, 4)
    return coder.decode(start, deltas.reshape(-1, 4)).reshape(deltas.shape)


def second_step_anchors(
    coder: BaseBBoxCoder,
    anchors: Tensor,
    deltas: Tensor | None,
    in_levels: Tensor,
) -> Tensor:
    """Anchors of the second step on all levels.

    Args:
        coder (BaseBBoxCoder): See :func:`move_anchors`.
        anchors (Tensor): x1, y1, x2, y2 in pixels, (N, 4).
        deltas (Tensor, optional): First-step deltas on the levels of STR,
            (B, M, 4); ``None`` without such levels.
        in_levels (Tensor): bool, (N,): which anchors lie on them.

    Returns:
        Tensor: (B, N, 4), or (1, N, 4) without such levels.
    """
    if deltas is None:
        return anchors[None]
    moved = anchors.repeat(len(deltas), 1, 1)
    moved[:, in_levels] = move_anchors(coder, anchors[in_levels], deltas)
    return moved


class BoxSamples(NamedTuple):
    """Positives of one step, P in a batch of B images with N samples each.

    Attributes:
        preds (Tensor): Predicted deltas or boxes, (P, 4).
        targets (Tensor): What they should be, (P, 4).
        images (Tensor): int64, (P,): image of each.
        counted (Tensor): bool, (B, N): positives that the divisor counts.
    """

    preds: Tensor
    targets: Tensor
    images: Tensor
    counted: Tensor


def box_samples(
    coder: BaseBBoxCoder,
    anchors: Tensor,
    deltas: Tensor,
    targets: StepTargets,
    counted: Tensor,
    decode: bool,
) -> BoxSamples:
    """Positives of a step in the form that a loss wants.

    Args:
        coder (BaseBBoxCoder): Between deltas and boxes.
        anchors (Tensor): What the step starts from, (B, N, 4).
        deltas (Tensor): Its predictions, (B, N, 4).
        targets (StepTargets): Its positives.
        counted (Tensor): See :class:`BoxSamples`.
        decode (bool): Whether the loss compares boxes, not deltas.

    Returns:
        BoxSamples: The positives.
    """
    preds, priors = deltas[targets.pos_inds], anchors[targets.pos_inds]
    boxes = targets.pos_bboxes
    if decode:
        preds = coder.decode(priors, preds)
    elif len(boxes):
        boxes = coder.encode(priors, boxes)
    return BoxSamples(preds, boxes, targets.pos_inds[0], counted)


@MODELS.register_module()
class STRLoss(nn.Module):
    r"""Weighs and sums the loss of a two-step regression.

    .. math:: L = \frac{1}{N_{s1}} \sum_{i \in \Psi} [l^1_i = 1] L_r(x_i, g_i)
                + \frac{1}{N_{s2}} \sum_{i \in \Phi} [l^2_i = 1] L_r(t_i, g_i)

    Psi holds the first-step samples of the levels of STR, Phi all second-step
    samples; only positives of both are regressed. The head owns the levels.

    Source: SRN (arXiv 1809.02693), STR equation, with the normalisers of its
    restatement in AInnoFace.

    Args:
        loss_bbox (dict | nn.Module): A box loss of mmdet's that takes
            ``(pred, target, weight, avg_factor)`` and honours the last two,
            which hold the divisors. Losses that ignore them are refused.
        first_step_weight (float): Weight of the first-step term; that of both
            is ``loss_weight`` of ``loss_bbox``.
        count_all_levels (bool): Count the positives of all levels in N_s1,
            not only of the levels of STR.
        per_image (bool): See :class:`PositiveNormalizer`.
        loss_bbox_ss (dict, optional): Such a loss of boxes, for example
            ``IoULoss``, that takes the place of ``loss_bbox`` in the second
            step alone, as in AInnoFace (arXiv 1905.01585).  It gets decoded
            boxes in pixels whatever the first step's gets, so mmdet's losses
            of deltas, such as ``SmoothL1Loss``, are refused.

    Raises:
        ValueError: If ``loss_bbox_ss`` is a loss of deltas, or a loss ignores
            weights and divisor.
    """

    def __init__(
        self,
        loss_bbox: ConfigType | nn.Module,
        first_step_weight: float = 1.0,
        count_all_levels: bool = False,
        per_image: bool = False,
        loss_bbox_ss: ConfigType | None = None,
    ) -> None:
        super().__init__()
        self.loss_bbox = weighed_loss('STRLoss: loss_bbox', loss_bbox)
        self.loss_bbox_ss = (
            None
            if loss_bbox_ss is None
            else weighed_loss('STRLoss: loss_bbox_ss', loss_bbox_ss)
        )
        if isinstance(self.loss_bbox_ss, _OF_DELTAS):
            raise ValueError(
                f'STRLoss: loss_bbox_ss={type(self.loss_bbox_ss).__name__} is '
                'a loss of deltas, but gets boxes in pixels; use a loss of '
                'overlaps, such as IoULoss or GIoULoss'
            )
        self.first_step_weight = first_step_weight
        self.count_all_levels = count_all_levels
        self.normalizer = PositiveNormalizer(per_image)

    @property
    def decodes_second(self) -> bool:
        """Whether the second step has a loss of its own, of decoded boxes."""
        return self.loss_bbox_ss is not None

    def select_first(
        self, targets: StepTargets, in_levels: Tensor
    ) -> StepTargets:
        """Positives of Psi.

        Args:
            targets (StepTargets): Of the first step, N samples an image.
            in_levels (Tensor): bool, (N,): which samples lie on the levels of
                STR (M of them).

        Returns:
            StepTargets: The positives among these; indices count the M.
        """
        images, inds = targets.pos_inds
        keep = in_levels[inds]
        rank = in_levels.cumsum(0) - 1
        return StepTargets(
            targets.labels[:, in_levels],
            (images[keep], rank[inds[keep]]),
            targets.pos_bboxes[keep],
        )

    def forward(
        self, first: BoxSamples | None, second: BoxSamples
    ) -> dict[str, Tensor]:
        """Loss of both steps.

        Args:
            first (BoxSamples, optional): Positives of Psi; ``None`` without
                levels.
            second (BoxSamples): Positives of Phi.

        Returns:
            dict[str, Tensor]: ``loss_bbox_fs`` (only with levels) and
            ``loss_bbox_ss``, scalars.
        """
        losses = {}
        if first is not None:
            loss = self._sum(self.loss_bbox, first)
            losses['loss_bbox_fs'] = self.first_step_weight * loss
        loss_bbox = (
            self.loss_bbox_ss if self.decodes_second else self.loss_bbox
        )
        losses['loss_bbox_ss'] = self._sum(loss_bbox, second)
        return losses

    def _sum(self, loss_bbox, samples):
        preds = samples.preds
        weights, divisor = self.normalizer(samples.counted, samples.images)
        if len(preds) == 0:  # keeps the graph, and CUDA ops dislike it empty
            return preds.sum() * 0
        return loss_bbox(
            preds,
            samples.targets,
            weights[:, None].expand_as(preds),
            avg_factor=divisor,
        )
