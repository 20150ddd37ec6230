"""From the candidates of a graph to detections, with NumPy alone."""

from __future__ import annotations

import numpy as np

__all__ = ['nms', 'postprocess']


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
    x1, y1, x2, y2 = boxes[:, 0], boxes[:, 1], boxes[:, 2], boxes[:, 3]
    areas = (x2 - x1 + offset) * (y2 - y1 + offset)
    left = np.argsort(-scores, kind='stable')
    keep: list[int] = []
    while len(left) and len(keep) != max_num:
        best, left = left[0], left[1:]
        keep.append(best)
        width = np.minimum(x2[best], x2[left]) - np.maximum(x1[best], x1[left])
        height = np.minimum(y2[best], y2[left]) - np.maximum(
            y1[best], y1[left]
        )
        overlap = np.maximum(width + offset, 0) * np.maximum(
            height + offset, 0
        )
        union = areas[best] + areas[left] - overlap
        with np.errstate(divide='ignore', invalid='ignore'):
            # Boxes without area have no overlap, and stay.
            left = left[~(overlap / union > iou_threshold)]
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
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Detections among all anchors of one image, as mmdet finds them.

    The best ``nms_pre`` candidates of each level go into an NMS of each
    class.

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

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Boxes (M, 4), scores (M,)
        and labels (M,), by falling score.
    """
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
    return boxes[anchors[best]], values[best], labels[best]
