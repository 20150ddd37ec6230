"""Classification losses whose target is an overlap (quality)."""

import torch
from mmdet.models.losses import QualityFocalLoss, VarifocalLoss
from torch import Tensor, nn


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
