"""Arithmetic of MATLAB's integer types, in which WIDER FACE is evaluated."""

from __future__ import annotations

import numpy as np

__all__ = ['saturate', 'to_corners']


def to_corners(boxes: np.ndarray) -> np.ndarray:
    """Turn x, y, w, h into corners by x2 = x + w, in the type of the boxes.

    Args:
        boxes (np.ndarray): (n, 4).

    Returns:
        np.ndarray: (n, 4) of the same type; integers saturate.
    """
    if boxes.dtype.kind not in 'iu':
        with np.errstate(all='ignore'):
            return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
    wide = boxes.astype(np.float64)
    wide[:, 2:] += wide[:, :2]
    return saturate(wide, boxes.dtype).astype(boxes.dtype)


def saturate(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Round half away from zero into the range of a type; NaN becomes 0.

    Args:
        values (np.ndarray): float64 of any shape.
        dtype (np.dtype): An integer type.

    Returns:
        np.ndarray: float64 of the same shape, whole numbers.
    """
    limits = np.iinfo(dtype)
    whole = np.trunc(values)
    whole += np.sign(values) * (np.abs(values - whole) >= 0.5)
    np.clip(whole, limits.min, limits.max, out=whole)
    whole[np.isnan(values)] = 0
    return whole
