"""Sizes of the faces of a set, and numbers per image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ['PERCENTILES', 'SMALL', 'FaceStatistics', 'face_statistics']

#: Percentiles that are looked at.
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
#: Sizes in pixels that many faces of dark photos stay below.
SMALL = (8, 16)


@dataclass(frozen=True)
class FaceStatistics:
    """Sizes and numbers of the faces of a set.

    The size of a face is the square root of its area in pixels.

    Attributes:
        sizes (np.ndarray): (faces,) float64, size of every face with an area.
        counts (np.ndarray): (images,) int, faces of every image, those
            without area included.
        ratio (float): Median of height over width; NaN without faces.
    """

    sizes: np.ndarray
    counts: np.ndarray
    ratio: float

    def numbers(self) -> dict[str, float]:
        """Return what a table shows.

        Returns:
            dict[str, float]: ``images``, ``faces``, ``without_area``,
            ``faces_per_image`` (mean), ``faces_per_image_median``,
            ``faces_per_image_max``, ``images_without_faces``, ``size_p1`` ...
            ``size_p99`` in pixels, ``under_8px`` and ``under_16px`` as shares
            of the faces with an area, ``height_over_width`` (median).  NaN for
            empty sets.
        """
        faces, images = int(self.counts.sum()), len(self.counts)
        found = dict(
            images=images,
            faces=faces,
            without_area=faces - len(self.sizes),
            faces_per_image=faces / images if images else np.nan,
            faces_per_image_median=_or_nan(np.median, self.counts),
            faces_per_image_max=_or_nan(np.max, self.counts),
            images_without_faces=int((self.counts == 0).sum()),
        )
        for percent in PERCENTILES:
            found[f'size_p{percent}'] = _or_nan(
                np.percentile, self.sizes, percent
            )
        for size in SMALL:
            found[f'under_{size}px'] = _or_nan(np.mean, self.sizes < size)
        found['height_over_width'] = self.ratio
        return found


def _or_nan(function, values: np.ndarray, *args) -> float:
    return float(function(values, *args)) if len(values) else np.nan


def face_statistics(boxes: Sequence[np.ndarray]) -> FaceStatistics:
    """Measure the faces of a set.

    Args:
        boxes (Sequence[np.ndarray]): For each image (k, 4) corners x1 y1 x2
            y2 in pixels.

    Returns:
        FaceStatistics: The measures.

    Example:
        >>> found = face_statistics([np.array([[0, 0, 4, 9], [1, 1, 5, 5]])])
        >>> found.sizes.tolist(), found.ratio
        ([6.0, 4.0], 1.625)
    """
    boxes = [np.asarray(x, np.float64).reshape(-1, 4) for x in boxes]
    corners = np.concatenate([np.empty((0, 4)), *boxes])
    sides = corners[:, 2:] - corners[:, :2]
    sides = sides[(sides > 0).all(axis=1)]
    width, height = sides.T
    return FaceStatistics(
        np.sqrt(width * height),
        np.array([len(x) for x in boxes], int),
        _or_nan(np.median, height / width),
    )
