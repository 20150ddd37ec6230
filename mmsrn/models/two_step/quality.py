"""Scores that learn an overlap (quality): of which boxes, by which losses."""

from __future__ import annotations

import torch
from mmdet.models.losses import QualityFocalLoss, VarifocalLoss
from mmdet.models.task_modules.coders import BaseBBoxCoder
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor, nn

from .targets import StepTargets, TwoStepTargets


def takes_quality(loss: nn.Module) -> bool:
    """Tell whether a loss wants an overlap beside the label.

    Args:
        loss (nn.Module): A classification loss.

    Returns:
        bool: True for quality focal loss and varifocal loss.
    """
    return isinstance(loss, (QualityFocalLoss, VarifocalLoss))


def quality_loss(
    loss: nn.Module,
    logits: Tensor,
    labels: Tensor,
    quality: Tensor,
    weights: Tensor,
    avg_factor: Tensor,
) -> Tensor:
    """Sum such a loss over samples.

    The target of a positive is its quality for its own class and 0 for the
    others, that of a negative is 0 for all.

    Source: Generalized Focal Loss (arXiv 2006.04388), section 3.2;
    VarifocalNet (arXiv 2008.13367), section 3.2.

    Args:
        loss (nn.Module): See :func:`takes_quality`.
        logits (Tensor): (M, classes).
        labels (Tensor): int64, (M,): class, or the number of classes for
            negatives.
        quality (Tensor): Overlap of each positive's box with its ground
            truth in [0, 1], (M,); of negatives it is not used.
        weights (Tensor): (M,).
        avg_factor (Tensor): Divisor, a scalar.

    Returns:
        Tensor: Scalar.
    """
    targets = torch.zeros_like(logits)
    (pos,) = (labels < logits.shape[1]).nonzero(as_tuple=True)
    targets[pos, labels[pos]] = quality[pos]
    if isinstance(loss, VarifocalLoss):  # it weights classes one by one
        weights = weights[:, None]
    return loss(logits, targets, weights, avg_factor=avg_factor)


@torch.no_grad()
def box_quality(
    coder: BaseBBoxCoder, priors: Tensor, deltas: Tensor, targets: StepTargets
) -> Tensor:
    """Overlap of the predicted box of each positive with its ground truth.

    B images, N priors each.

    Args:
        coder (BaseBBoxCoder): Turns deltas into boxes.
        priors (Tensor): x1, y1, x2, y2 in pixels, (B, N, 4).
        deltas (Tensor): Predictions, (B, N, 4).
        targets (StepTargets): The positives and their ground truth.

    Returns:
        Tensor: IoU in [0, 1], (B, N), 0 for all but positives; no gradient
        passes through it.
    """
    quality = deltas.new_zeros(deltas.shape[:2])
    where = targets.pos_inds
    boxes = coder.decode(priors[where], deltas[where])
    quality[where] = bbox_overlaps(boxes, targets.pos_bboxes, is_aligned=True)
    return quality


def step_qualities(
    coder: BaseBBoxCoder,
    targets: TwoStepTargets,
    first_deltas: Tensor | None,
    second_deltas: Tensor,
    in_str: Tensor,
) -> tuple[Tensor, Tensor]:
    """Overlaps that the scores of both steps should learn.

    Both are overlaps of boxes, for one predictor gives both scores.  Off the
    levels of STR the first step has no box, but there the second starts from
    the same anchor: its box is what an anchor leads to.

    Args:
        coder (BaseBBoxCoder): Turns deltas into boxes.
        targets (TwoStepTargets): Positives and anchors of N priors.
        first_deltas (Tensor, optional): On the levels of STR, (B, M, 4).
        second_deltas (Tensor): (B, N, 4).
        in_str (Tensor): bool, (N,): which priors lie on the levels of STR.

    Returns:
        tuple[Tensor, Tensor]: See :func:`box_quality`.
    """
    reached = second_deltas.detach()
    if first_deltas is not None:
        reached = reached.clone()
        reached[:, in_str] = first_deltas.detach()
    return (
        box_quality(coder, targets.anchors, reached, targets.first),
        box_quality(coder, targets.moved, second_deltas, targets.second),
    )
