"""The arithmetic that the WIDER FACE and the DARK FACE tools share.

Source: ``read_pred.m``, ``norm_score.m``, ``evaluation.m`` and ``VOCap.m`` of
the published evaluation tools.  All predictions and faces of a set are kept
in flat arrays, so that a threshold costs one addition and not a pass over
the set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .overlaps import face_overlaps

__all__ = [
    'NUM_THRESHOLDS',
    'FaceCurve',
    'FaceMatches',
    'average_precision',
    'first_thresholds',
    'match_faces',
    'normalize_scores',
    'pr_curve',
]

NUM_THRESHOLDS = 1000
_THRESHOLDS = 1 - np.arange(1, NUM_THRESHOLDS + 1) / NUM_THRESHOLDS


@dataclass(frozen=True)
class FaceMatches:
    """Which face each prediction of a set belongs to.

    Only images that have both faces and predictions are in here: the tools
    pass over all others, so that false positives on images without faces cost
    nothing.  n predictions are ordered by image and falling score.

    Attributes:
        image (np.ndarray): (n,) int, index of the image.
        box (np.ndarray): (n, 4) float64, corners.
        score (np.ndarray): (n,) float64, as predicted.
        step (np.ndarray): (n,) int, index of the first of the 1000 thresholds
            from which on the prediction takes part; 1000: never.
        face (np.ndarray): (n,) int, index of the face it overlaps most, over
            all faces of the set.
        overlap (np.ndarray): (n,) float64, that overlap; -1 for none.
        num_faces (np.ndarray): (images,) int, annotated faces of every image.
    """

    image: np.ndarray
    box: np.ndarray
    score: np.ndarray
    step: np.ndarray
    face: np.ndarray
    overlap: np.ndarray
    num_faces: np.ndarray


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


def normalize_scores(scores: np.ndarray, equal: str = 'nan') -> np.ndarray:
    """Stretch the scores of a whole set to [0, 1], in single precision.

    The tools keep the extremes in single precision, and MATLAB computes in it
    what a single takes part in.  NaN does not count as an extreme.  The
    search for the largest score starts from the smallest positive single: if
    no score is positive, that is the largest.

    Args:
        scores (np.ndarray): (n,) all scores of a set.
        equal (str): What becomes of scores that are all equal: ``'nan'``, as
            0 / 0 in the WIDER FACE tool; ``'one'``, as in the DARK FACE tool.

    Returns:
        np.ndarray: (n,) float64 that hold singles.
    """
    limits = np.finfo(np.float32)
    with np.errstate(all='ignore'):
        single = scores.astype(np.float32)
        low = np.fmin.reduce(single, initial=limits.max)
        high = np.fmax.reduce(single, initial=limits.tiny)
        if equal == 'one' and low == high:
            return (single - (low - np.float32(1))).astype(np.float64)
        return ((single - low) / (high - low)).astype(np.float64)


def first_thresholds(normalized: np.ndarray) -> np.ndarray:
    """Find the first of the 1000 thresholds that a score reaches.

    Args:
        normalized (np.ndarray): (n,) from :func:`normalize_scores`.

    Returns:
        np.ndarray: (n,) int, 0 for threshold 0.999, 999 for 0 and 1000 for
        scores that reach none, such as NaN.
    """
    reached = np.searchsorted(_THRESHOLDS[::-1], normalized, side='right')
    reached[np.isnan(normalized)] = 0
    return NUM_THRESHOLDS - reached


def match_faces(
    predictions: Sequence[np.ndarray],
    faces: Sequence[np.ndarray],
    equal: str = 'nan',
) -> FaceMatches:
    """Find the face of every prediction.

    A prediction belongs to the first face of the largest overlap, whether or
    not another prediction has that face already.

    Args:
        predictions (Sequence[np.ndarray]): For each image (n, 5) float64, x1
            y1 x2 y2 score in any order.
        faces (Sequence[np.ndarray]): For each image (k, 4) corners; their
            type decides the arithmetic, see :func:`face_overlaps`.
        equal (str): See :func:`normalize_scores`.

    Returns:
        FaceMatches: Of the whole set.
    """
    lengths = [len(x) for x in predictions]
    rows = np.concatenate([np.empty((0, 5)), *predictions])
    image = np.repeat(np.arange(len(lengths)), lengths)
    score = rows[:, 4]
    step = first_thresholds(normalize_scores(score, equal))
    # MATLAB sorts NaN before everything, and keeps the order of equals.
    order = np.lexsort((-score, ~np.isnan(score), image))
    rows, step = rows[order], step[order]
    ends = np.cumsum(lengths)
    num_faces = np.array([len(x) for x in faces], int)
    first_face = np.cumsum(num_faces) - num_faces
    face = np.zeros(len(rows), int)
    overlap = np.full(len(rows), -1.0)
    for i in np.flatnonzero(np.minimum(lengths, num_faces)):
        part = slice(ends[i] - lengths[i], ends[i])
        overlaps = face_overlaps(rows[part, :4], faces[i])
        overlaps[np.isnan(overlaps)] = -1
        best = overlaps.argmax(1)
        face[part] = first_face[i] + best
        overlap[part] = overlaps[np.arange(len(best)), best]
        # The tools cut the list after the last score that reaches a
        # threshold: what stands before it takes part, NaN included.
        step[part] = np.minimum.accumulate(step[part][::-1])[::-1]
    used = num_faces[image] > 0
    return FaceMatches(
        image=image[used],
        box=rows[used, :4],
        score=rows[used, 4],
        step=step[used],
        face=face[used],
        overlap=overlap[used],
        num_faces=num_faces,
    )


def roles(
    matches: FaceMatches,
    counts: np.ndarray,
    iou_thr: float = 0.5,
    costs: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Tell the part each prediction plays.

    A prediction on a face that does not count leaves the evaluation; every
    other one enters the precision, duplicates included; the first one on a
    face that counts finds it.

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
        precision (np.ndarray): (n,) may hold NaN, which the maximum from the
            right passes over.

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
