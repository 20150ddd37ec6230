"""How well predicted boxes cover their ground truth."""

import torch
from mmdet.models.task_modules.coders import BaseBBoxCoder
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

from .targets import StepTargets


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
