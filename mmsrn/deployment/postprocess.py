"""From the candidates of a graph to detections, with NumPy alone."""

from __future__ import annotations

import numpy as np

from mmsrn.utils.vote_iou import check_vote_iou

__all__ = ['nms', 'postprocess']

#: Pairs of boxes that are compared at a time: few, which a cache holds.
_MAX_PAIRS = 1 << 16


def nms(
    boxes: np.ndarray,
    scores: np.ndarray,
    iou_threshold: float,
    offset: int = 0,
    max_num: int = -1,
) -> np.ndarray:
    """Greedy non-maximum suppression, as mmcv's.

    Args:
        boxes (np.ndarray): x1, y1, x2, y2 in pixels, (N, 4).
        scores (np.ndarray): (N,).
        iou_threshold (float): Overlap above which the lower score goes.
        offset (int): 1 if boxes name their first and last pixel, so that
            widths are x2 - x1 + 1; 0 if x2 is where the box ends.
        max_num (int): Most boxes to keep; -1 for all.

    Returns:
        np.ndarray: Indices of the kept boxes by falling score, (M,).

    Example:
        >>> boxes = np.array([[0, 0, 9, 9], [0, 0, 9, 8], [20, 0, 29, 9]])
        >>> nms(boxes, np.array([0.5, 0.6, 0.4]), 0.5).tolist()
        [1, 2]
    """
    boxes = np.asarray(boxes, np.float32)
    areas = _areas(boxes, offset)
    left = np.argsort(-scores, kind='stable')
    keep: list[int] = []
    while len(left) and len(keep) != max_num:
        best, left = left[0], left[1:]
        keep.append(best)
        ious = _ious(boxes, areas, best, left, offset)
        left = left[~(ious > iou_threshold)]
    return np.array(keep, np.int64)


def postprocess(
    boxes: np.ndarray,
    scores: np.ndarray,
    levels: np.ndarray,
    *,
    nms_pre: int,
    iou_threshold: float,
    offset: int,
    max_per_img: int,
    score_thr: float = 0.0,
    vote_iou: float | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Detections among all anchors of one image, as mmdet finds them.

    The best ``nms_pre`` candidates of each level go into an NMS of each
    class, which box voting may follow.

    Args:
        boxes (np.ndarray): Boxes of all anchors: x1, y1, x2, y2 in pixels,
            float32, (N, 4).
        scores (np.ndarray): Their scores, 0 where the graph has dropped
            them, float32, (N, classes).
        levels (np.ndarray): Levels of the pyramid they lie on, (N,).
        nms_pre (int): Most candidates of a level; -1 for all.
        iou_threshold (float): See :func:`nms`.
        offset (int): See :func:`nms`.
        max_per_img (int): Most detections; -1 for all.
        score_thr (float): What scores must exceed; the graph has applied
            that of the config.
        vote_iou (float, optional): If given, each detection becomes the mean
            of all candidates of its class that overlap it by this much or
            more, itself included, weighted by their scores.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Boxes (M, 4), scores (M,)
        and labels (M,), by falling score.

    Raises:
        ValueError: If ``vote_iou`` is out of its range.
    """
    check_vote_iou(vote_iou)
    anchors, labels = np.nonzero(scores > max(score_thr, 0))
    values, where = scores[anchors, labels], levels[anchors]
    if nms_pre >= 0:
        order = np.lexsort((-values, where))
        where = where[order]
        rank = np.arange(len(where)) - np.searchsorted(where, where)
        order = order[rank < nms_pre]
        anchors, labels, values = anchors[order], labels[order], values[order]
    keep = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        keep.append(
            own[
                nms(
                    boxes[anchors[own]],
                    values[own],
                    *(iou_threshold, offset, max_per_img),
                )
            ]
        )
    best = np.concatenate([*keep, np.zeros(0, np.int64)])
    best = best[np.argsort(-values[best], kind='stable')]
    if max_per_img >= 0:
        best = best[:max_per_img]
    if vote_iou is None:
        found = boxes[anchors[best]]
    else:
        found = _vote(boxes[anchors], values, labels, best, vote_iou, offset)
    return found, values[best], labels[best]


def _vote(
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    best: np.ndarray,
    vote_iou: float,
    offset: int,
) -> np.ndarray:
    """Boxes of the detections, ``best``, after all candidates have voted."""
    boxes = np.asarray(boxes, np.float32)
    areas, everyone = _areas(boxes, offset), np.arange(len(boxes))
    # In float64, so that the mean of equal corners is this corner.
    rows = np.column_stack([boxes, np.ones(len(boxes))]) * scores[:, None]
    found = boxes[best]
    step = max(_MAX_PAIRS // max(len(boxes), 1), 1)
    for start in range(0, len(best), step):
        some = best[start : start + step, None]
        ious = _ious(boxes, areas, some, everyone, offset)
        votes = (ious >= vote_iou) & (labels[some] == labels)
        which, voters = np.nonzero(votes)
        sums = [np.bincount(which, x, len(some)) for x in rows[voters].T]
        total = sums.pop()
        moved = total > 0  # not if a box has no area
        found[start : start + step][moved] = (
            np.stack(sums, axis=1)[moved] / total[moved, None]
        )
    return found


def _areas(boxes: np.ndarray, offset: int) -> np.ndarray:
    sides = boxes[:, 2:] - boxes[:, :2] + offset
    return sides[:, 0] * sides[:, 1]


def _ious(
    boxes: np.ndarray,
    areas: np.ndarray,
    one: int | np.ndarray,
    others: np.ndarray,
    offset: int,
) -> np.ndarray:
    """IoU of boxes with others; not a number if both have no area."""
    x1, y1, x2, y2 = boxes.T
    width = np.minimum(x2[one], x2[others]) - np.maximum(x1[one], x1[others])
    height = np.minimum(y2[one], y2[others]) - np.maximum(y1[one], y1[others])
    inner = np.maximum(width + offset, 0) * np.maximum(height + offset, 0)
    with np.errstate(divide='ignore', invalid='ignore'):
        return inner / (areas[one] + areas[others] - inner)
