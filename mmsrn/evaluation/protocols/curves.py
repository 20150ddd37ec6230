"""Precision and recall from matched predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .matching import NUM_THRESHOLDS, FaceMatches

__all__ = ['FaceCurve', 'average_precision', 'pr_curve', 'roles']


@dataclass(frozen=True)
class FaceCurve:
    """Precision and recall at the 1000 thresholds.

    Attributes:
        recall (np.ndarray): (1000,) by falling threshold, in [0, 1].
        precision (np.ndarray): (1000,) in [0, 1], NaN where no prediction
            reaches the threshold.
        ap (float): Average precision.
        num_faces (int): Faces that count.
    """

    recall: np.ndarray
    precision: np.ndarray
    ap: float
    num_faces: int


def roles(
    matches: FaceMatches,
    counts: np.ndarray,
    iou_thr: float = 0.5,
    costs: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Tell which predictions enter the precision, and which find a face.

    A prediction on a face that does not count is ignored.  All others enter
    the precision, also duplicates.  The first one on a face that counts finds
    it.

    Args:
        matches (FaceMatches): Of n predictions and k faces.
        counts (np.ndarray): (k,) bool, which faces count.
        iou_thr (float): Least overlap with a face.
        costs (np.ndarray, optional): (n,) bool, which predictions enter the
            precision when they are on no face. Defaults to all.

    Returns:
        tuple[np.ndarray, np.ndarray]: (n,) bool, which predictions enter the
        precision; (m,) int, indices of those that find a face.
    """
    if not counts.size:  # then there are no predictions either
        return np.zeros(0, bool), np.zeros(0, int)
    matched = matches.overlap >= iou_thr
    counted = np.where(matched, counts[matches.face], True)
    if costs is not None:
        counted &= matched | costs
    hits = np.flatnonzero(matched & counted)
    _, first = np.unique(matches.face[hits], return_index=True)
    return counted, hits[first]


def pr_curve(
    matches: FaceMatches,
    counts: np.ndarray,
    iou_thr: float = 0.5,
    costs: np.ndarray | None = None,
) -> FaceCurve:
    """Compute precision and recall at the 1000 thresholds.

    Args:
        matches (FaceMatches): Of n predictions and k faces.
        counts (np.ndarray): (k,) bool, which faces count.
        iou_thr (float): Least overlap with a face.
        costs (np.ndarray, optional): See ``roles``.

    Returns:
        FaceCurve: The curve.

    Raises:
        ValueError: If no face counts.
    """
    num_faces = int(counts.sum())
    if not num_faces:
        raise ValueError('there is no face that counts')
    counted, finders = roles(matches, counts, iou_thr, costs)
    proposals = _cumulate(matches.step[counted])
    found = _cumulate(matches.step[finders])
    with np.errstate(invalid='ignore'):
        precision = found / proposals
    recall = found / num_faces
    ap = average_precision(recall, precision)
    return FaceCurve(recall, precision, ap, num_faces)


def average_precision(recall: np.ndarray, precision: np.ndarray) -> float:
    """Integrate precision over recall as PASCAL VOC does since 2010.

    Args:
        recall (np.ndarray): (n,) not falling.
        precision (np.ndarray): (n,) may hold NaN, which is skipped.

    Returns:
        float: In [0, 1].

    Example:
        >>> average_precision(np.array([0.5, 0.5, 1]), np.array([1, 0.5, 0.5]))
        0.75
    """
    recall = np.concatenate([[0.0], recall, [1.0]])
    precision = np.concatenate([[0.0], precision, [0.0]])
    precision = np.fmax.accumulate(precision[::-1])[::-1]
    rise = np.flatnonzero(recall[1:] != recall[:-1]) + 1
    return float(np.sum((recall[rise] - recall[rise - 1]) * precision[rise]))


def _cumulate(steps: np.ndarray) -> np.ndarray:
    """Count how many take part at each threshold."""
    counts = np.bincount(steps, minlength=NUM_THRESHOLDS + 1)
    return counts[:NUM_THRESHOLDS].cumsum()
