"""Box voting one cluster at a time: slow, and plain enough to be the truth."""

from __future__ import annotations

import numpy as np


def bbox_voting_loop(
    dets: np.ndarray,
    vote_iou: float = 0.5,
    keep_single: bool | str = False,
    max_num: int = 750,
) -> np.ndarray:
    """Do what ``bbox_vote`` of the published ``tools/test.py`` does.

    The same operations in the same order, and no shortcut: what tests and
    benchmarks compare ``mmsrn.structures.bbox_voting`` with.  Three traps are
    left out: no cluster at all gives no box, equal scores have a defined
    order, and clusters whose scores are all 0 are dropped here.

    Args:
        dets (np.ndarray): x1, y1, x2, y2, score, (N, 5); every box with a
            positive area, counted with + 1.
        vote_iou (float): See ``bbox_voting``.
        keep_single (bool | str): See ``bbox_voting``.
        max_num (int): See ``bbox_voting``.

    Returns:
        np.ndarray: Boxes and scores, float64, (M, 5).
    """
    rest = np.asarray(dets, np.float64).reshape(-1, 5)
    rest = rest[np.argsort(rest[:, 4], kind='stable')[::-1]]
    voted = np.zeros((0, 5))
    while len(rest):
        size = (rest[:, 2] - rest[:, 0] + 1) * (rest[:, 3] - rest[:, 1] + 1)
        left = np.maximum(rest[0, 0], rest[:, 0])
        top = np.maximum(rest[0, 1], rest[:, 1])
        right = np.minimum(rest[0, 2], rest[:, 2])
        bottom = np.minimum(rest[0, 3], rest[:, 3])
        across = np.maximum(0.0, right - left + 1)
        down = np.maximum(0.0, bottom - top + 1)
        common = across * down
        iou = common / (size[0] + size - common)
        chosen = np.where(iou >= vote_iou)[0]
        cluster = rest[chosen]
        rest = np.delete(rest, chosen, axis=0)
        if len(cluster) == 1:
            if keep_single is True or (
                keep_single == 'last' and not len(rest)
            ):
                voted = np.vstack((voted, cluster))
            continue
        weight = cluster[:, 4:]
        if not weight.any():
            continue
        box = np.sum(cluster[:, :4] * weight, axis=0) / np.sum(weight)
        voted = np.vstack((voted, [*box, np.max(weight)]))
    return voted[voted[:, 4] != 0][:max_num]
