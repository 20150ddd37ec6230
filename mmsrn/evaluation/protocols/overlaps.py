"""Overlaps of detections with faces, as the published tools compute them."""

from __future__ import annotations

import numpy as np

from mmsrn.evaluation.matlab import saturate

__all__ = ['face_overlaps']


def face_overlaps(boxes: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Compute intersection over union with areas that count the last pixel.

    In MATLAB the class of the ground truth decides the arithmetic.  The newer
    files of WIDER FACE hold ``int32``: corners of detections are rounded to
    whole pixels and the overlap to 0 or 1, so a detection belongs to the
    *first* face with an overlap of at least one half, not to the best one.
    This is why re-implementations miss published numbers by up to 0.2 points.
    Other classes are compared in double precision.

    Args:
        boxes (np.ndarray): (n, 4) float64, x1 y1 x2 y2 in pixels; may hold
            NaN and infinities.
        faces (np.ndarray): (k, 4) corners, of an integer type or float64.

    Returns:
        np.ndarray: (n, k) float64.  From integer faces whole numbers; from
        float64 faces an overlap, NaN where a box has a corner that is NaN.
    """
    if faces.dtype.kind in 'iu':
        return _integer_overlaps(boxes, faces)
    b = boxes[:, None]
    with np.errstate(all='ignore'):
        # fmax and fmin pass over NaN, as MATLAB does.
        width = np.fmin(b[..., 2], faces[:, 2])
        width -= np.fmax(b[..., 0], faces[:, 0])
        width += 1
        height = np.fmin(b[..., 3], faces[:, 3])
        height -= np.fmax(b[..., 1], faces[:, 1])
        height += 1
        inside = width * height
        overlaps = inside / (_area(faces) + _area(boxes)[:, None] - inside)
    overlaps[width <= 0] = 0
    overlaps[height <= 0] = 0
    return overlaps


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)


def _integer_overlaps(boxes: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """As MATLAB: every result is rounded and kept in the range of the type.

    Whole numbers of 32 bits, and their products where they stay in that
    range, are exact in float64.
    """

    def fit(values: np.ndarray) -> np.ndarray:
        return saturate(values, faces.dtype)

    f = faces.astype(np.float64)
    with np.errstate(all='ignore'):
        b = fit(boxes)
        # What is whole and cannot reach the end of the range needs no fit.
        keep = fit
        if faces.dtype == np.int32 and max(_reach(f), _reach(b)) < 2**14:
            keep = np.asarray
        b = b[:, None]
        width = np.minimum(b[..., 2], f[:, 2])
        width = keep(keep(width - np.maximum(b[..., 0], f[:, 0])) + 1)
        height = np.minimum(b[..., 3], f[:, 3])
        height = keep(keep(height - np.maximum(b[..., 1], f[:, 1])) + 1)
        inside = keep(width * height)
        face_area = keep(
            keep(keep(f[:, 2] - f[:, 0]) + 1)
            * keep(keep(f[:, 3] - f[:, 1]) + 1)
        )
        # The detection's own area is computed before any rounding.
        union = keep(fit(face_area + _area(boxes)[:, None]) - inside)
        overlaps = fit(inside / union)  # 0 / 0 is NaN, which fit makes 0
    overlaps[width <= 0] = 0
    overlaps[height <= 0] = 0
    return overlaps


def _reach(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0))
