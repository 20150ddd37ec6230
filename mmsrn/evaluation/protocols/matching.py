"""Arithmetic shared by the WIDER FACE and DARK FACE tools.

Source: ``read_pred.m``, ``norm_score.m``, ``evaluation.m`` and ``VOCap.m`` of
the published evaluation tools.  Predictions and faces of a set are kept in
flat arrays, so a threshold costs one addition instead of a pass over the set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .overlaps import face_overlaps

__all__ = [
    'NUM_THRESHOLDS',
    'FaceMatches',
    'first_thresholds',
    'match_faces',
    'normalize_scores',
]

NUM_THRESHOLDS = 1000
_THRESHOLDS = 1 - np.arange(1, NUM_THRESHOLDS + 1) / NUM_THRESHOLDS


@dataclass(frozen=True)
class FaceMatches:
    """The face of each prediction of a set.

    It holds only images with both faces and predictions, because the tools
    skip all others: false positives in images without faces cost nothing.  The
    n predictions are sorted by image and falling score.

    Attributes:
        image (np.ndarray): (n,) int, index of the image.
        box (np.ndarray): (n, 4) float64, corners.
        score (np.ndarray): (n,) float64, as predicted.
        step (np.ndarray): (n,) int, index of the first of the 1000 thresholds
            that the prediction reaches; 1000: none.
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


def normalize_scores(scores: np.ndarray, equal: str = 'nan') -> np.ndarray:
    """Stretch the scores of a whole set to [0, 1], in single precision.

    The tools keep the extremes in single precision, and MATLAB then computes
    in single precision.  NaN does not count as an extreme.  The search for the
    largest score starts from the smallest positive single, which is the result
    if no score is positive.

    Args:
        scores (np.ndarray): (n,) all scores of a set.
        equal (str): Treatment of scores that are all equal: ``'nan'``, as 0 /
            0 in the WIDER FACE tool, or ``'one'``, as in the DARK FACE tool.

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

    A prediction belongs to the first face of the largest overlap, even if
    another prediction has that face already.

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
