"""From the values of a retinex to grey levels."""

from __future__ import annotations

import numpy as np

# A channel of a smaller range in units of the natural logarithm has nothing
# but rounding errors to stretch. One grey level at white is 0.004.
FLAT = 1e-3


def rank(share: float, total: int) -> int:
    """Index of the last of sorted values with fewer than a share below it.

    The rule of ``simplestColorBalance`` of github dongb5/Retinex: a value is
    a bound if the number of those below it, over all, is under the share.

    Args:
        share (float): In [0, 1].
        total (int): Number of values.

    Returns:
        int: In [0, total).
    """
    index = min(int(share * total) + 1, total)
    while index > 0 and (index - 1) / total >= share:
        index -= 1
    return max(index - 1, 0)


def bounds(
    values: np.ndarray, low_clip: float, high_clip: float
) -> tuple[float, float]:
    """Bounds that leave out a share of the values at either end.

    Args:
        values (np.ndarray): Of any shape.
        low_clip (float): Share of the values below the lower bound.
        high_clip (float): Share of the values below the upper bound.

    Returns:
        tuple[float, float]: Two of the values.
    """
    values = values.ravel()
    low, high = rank(low_clip, values.size), rank(high_clip, values.size)
    parted = np.partition(values, (low, high))
    return parted[low], parted[high]


def stretch(values: np.ndarray, low: float, high: float) -> np.ndarray | None:
    """Map a range linearly to 0 to 255; values outside it are clipped.

    Args:
        values (np.ndarray): Of any shape, float.
        low (float): What becomes 0.
        high (float): What becomes 255.

    Returns:
        np.ndarray, optional: The same shape; None if the range is flat.
    """
    if not high - low > FLAT:
        return None
    return np.clip((values - low) * (255 / (high - low)), 0, 255)
