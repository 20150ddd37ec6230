"""What several detectors say about one photo, put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ['Agreement', 'agree']


class Agreement(NamedTuple):
    """The faces of a photo, the best score first.

    Attributes:
        boxes (np.ndarray): (n, 4) float64, corners in pixels.
        scores (np.ndarray): (n,) float64, the best of the teachers.
        votes (np.ndarray): (n,) int, how many teachers saw each.
        sure (np.ndarray): (n,) bool.
    """

    boxes: np.ndarray
    scores: np.ndarray
    votes: np.ndarray
    sure: np.ndarray


def agree(
    found: Sequence[np.ndarray],
    sure: Sequence[float],
    unsure: Sequence[float],
    least: int,
    iou: float = 0.5,
) -> Agreement:
    """Decide which boxes of several teachers are faces.

    A teacher sees a face where its score is at least its ``unsure``.  The
    best box that is left gathers of each other teacher the box that overlaps
    it most, if by an IoU of at least ``iou``; together they are one face,
    their mean weighted by the scores.  Of equal scores the earlier teacher's
    box comes first, and of equal overlaps the better score.

    A face is sure if at least ``least`` teachers saw it, one of them with a
    score of at least its ``sure``.  A face that is not, and covers a share of
    ``iou`` of one that is, is left out: training would ignore both.

    Args:
        found (Sequence[np.ndarray]): Of each teacher (n, 5): x1, y1, x2, y2
            in pixels and score.  Boxes without area take no part.
        sure (Sequence[float]): Of each teacher, in [``unsure``, 1].
        unsure (Sequence[float]): Of each teacher, in (0, 1].
        least (int): From 1 to the number of teachers.
        iou (float): In (0, 1].

    Returns:
        Agreement: The faces.

    Example:
        >>> found = agree(
        ...     [np.array([[0, 0, 10, 10, 0.9]]),
        ...      np.array([[0, 0, 10, 8, 0.3], [50, 50, 60, 60, 0.6]])],
        ...     sure=(0.7, 0.7), unsure=(0.3, 0.3), least=2)
        >>> found.boxes.tolist(), found.sure.tolist()
        ([[0.0, 0.0, 10.0, 9.5], [50.0, 50.0, 60.0, 60.0]], [True, False])
    """
    rows = np.concatenate(
        [np.asarray(x, np.float64).reshape(-1, 5) for x in found]
    )
    teacher = np.repeat(np.arange(len(found)), [len(x) for x in found])
    seen = rows[:, 4] >= np.asarray(unsure, np.float64)[teacher]
    seen &= (rows[:, 2:4] > rows[:, :2]).all(axis=1)
    rows, teacher = rows[seen], teacher[seen]
    order = np.argsort(-rows[:, 4], kind='stable')
    rows, teacher = rows[order], teacher[order]
    ious, _ = _overlaps(rows, rows)
    is_sure = rows[:, 4] >= np.asarray(sure, np.float64)[teacher]
    free = np.ones(len(rows), bool)
    faces = []
    for head in range(len(rows)):
        if not free[head]:
            continue
        others = free & (teacher != teacher[head]) & (ious[head] >= iou)
        others = np.flatnonzero(others)
        others = others[np.argsort(-ious[head, others], kind='stable')]
        _, best = np.unique(teacher[others], return_index=True)
        members = np.append(others[best], head)
        free[members] = False
        scores = rows[members, 4]
        box = scores @ rows[members, :4] / scores.sum()
        enough = len(members) >= least and is_sure[members].any()
        faces.append((*box, rows[head, 4], len(members), enough))
    table = np.array(faces, np.float64).reshape(-1, 7)
    certain = table[:, 6] > 0
    _, covered = _overlaps(table, table[certain])
    table = table[certain | (covered < iou).all(axis=1)]
    return Agreement(
        table[:, :4], table[:, 4], table[:, 5].astype(int), table[:, 6] > 0
    )


def _overlaps(
    boxes: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """IoU, and the share of the others that is covered: (n, m) each."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:4], others[:, 2:4])
    common = (high - low).clip(0).prod(axis=2)
    areas = [(x[:, 2:4] - x[:, :2]).prod(axis=1) for x in (boxes, others)]
    union = areas[0][:, None] + areas[1] - common
    return common / union, common / areas[1]
