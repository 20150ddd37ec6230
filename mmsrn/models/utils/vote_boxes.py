"""Box voting of the detections of one pass."""

from __future__ import annotations

import torch
from mmcv.ops import bbox_overlaps
from mmdet.structures.bbox import get_box_tensor
from mmengine.structures import InstanceData
from torch import Tensor

from mmsrn.utils.vote_iou import check_vote_iou

__all__ = ['vote_boxes']

#: Pairs of boxes that are compared at a time: few, which a cache holds.
_MAX_PAIRS = 1 << 16


def vote_boxes(
    found: InstanceData,
    candidates: InstanceData,
    vote_iou: float,
    offset: int = 0,
) -> Tensor:
    """Average each detection with the candidates that overlap it.

    A detection becomes the mean of all candidates of its class that overlap
    it by ``vote_iou`` or more, itself included, weighted by their scores.
    Unlike ``bbox_voting``, which merges passes, it keeps what NMS has chosen.
    ``mmsrn.deployment.postprocess`` does the same with NumPy.

    Args:
        found (InstanceData): What NMS kept: ``bboxes`` (M, 4) x1, y1, x2, y2
            in pixels, ``scores`` above 0 and ``labels`` (M,).
        candidates (InstanceData): What it got, the same, (N,).
        vote_iou (float): IoU from which a candidate votes, in (0, 1]. Below
            the threshold of NMS, detections vote for each other.
        offset (int): See ``bbox_voting``.

    Returns:
        Tensor: The boxes, (M, 4). Those without area stay.

    Raises:
        ValueError: If ``vote_iou`` is out of its range.
    """
    check_vote_iou(vote_iou)
    # In float64, so that the mean of equal corners is this corner.
    boxes = get_box_tensor(candidates.bboxes)
    corners, scores = boxes.double(), candidates.scores.double()
    rows = max(_MAX_PAIRS // max(len(boxes), 1), 1)
    voted = []
    for own, labels in zip(
        get_box_tensor(found.bboxes).split(rows), found.labels.split(rows)
    ):
        votes = (bbox_overlaps(own, boxes, offset=offset) >= vote_iou) & (
            labels[:, None] == candidates.labels
        )
        weights = votes * scores
        total = weights.sum(dim=1, keepdim=True)
        means = (weights @ corners / total).to(own)
        voted.append(torch.where(total > 0, means, own))
    return torch.cat(voted)
