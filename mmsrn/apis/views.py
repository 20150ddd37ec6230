"""Detection at several scales and in tiles, and merging of the results."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from mmsrn.structures.bbox import bbox_voting
from mmsrn.structures.tiles import (
    SAME_IOU,
    exceeds_overlap,
    is_whole,
    make_tiles,
)

from .backends import Factors

#: ``predict`` of a backend.
Predict = Callable[[list[np.ndarray], list[Factors]], list[np.ndarray]]

#: Sides of a photo after the resize, in pixels; more would be a mistake.
MAX_SIDE = 32768


def resize(image: np.ndarray, scale: int | str) -> np.ndarray:
    """Resize an image as mmdet's ``Resize`` does.

    Args:
        image (np.ndarray): (h, w, 3) uint8.
        scale (int | str): New length of the longer side in pixels, or
            ``'original'``.

    Returns:
        np.ndarray: The resized image, (h', w', 3) uint8.
    """
    if scale == 'original':
        return image
    height, width = image.shape[:2]
    factor = scale / max(height, width)
    # Of a very narrow image a row is left.
    size = [max(int(x * factor + 0.5), 1) for x in (width, height)]
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)


def look(
    predict: Predict,
    images: list[np.ndarray],
    scales: Sequence[int | str],
    max_pixels: float | None,
    note: Callable[[int, np.ndarray], object],
) -> list[np.ndarray]:
    """Detect faces at each scale and merge them.

    Args:
        predict (Callable): The detector.
        images (list[np.ndarray]): BGR uint8 (h, w, 3).
        scales (Sequence[int | str]): See :func:`resize`.
        max_pixels (float, optional): Most pixels per call of the detector, see
            :func:`detect_in_tiles`. By default no limit.
        note (Callable): Called with the index of an image and each result of
            the detector.

    Returns:
        list[np.ndarray]: For each image (n, 5) float32, corners in its pixels.
    """

    def noted(index: int) -> Predict:
        def predict_one(
            parts: list[np.ndarray], factors: list[Factors]
        ) -> list[np.ndarray]:
            found = predict(parts, factors)
            for rows in found:
                note(index, rows)
            return found

        return predict_one

    def at(scale: int | str) -> list[np.ndarray]:
        resized = [resize(x, scale) for x in images]
        factors = [_factors(*x) for x in zip(resized, images)]
        if max_pixels is None or all(
            x.shape[0] * x.shape[1] <= max_pixels for x in resized
        ):
            found = predict(resized, factors)
            for i, rows in enumerate(found):
                note(i, rows)
            return found
        return [
            detect_in_tiles(noted(i), *x, max_pixels)
            for i, x in enumerate(zip(resized, factors))
        ]

    views = [at(scale) for scale in scales]
    if len(views) == 1:
        return views[0]
    return [merge(found) for found in zip(*views)]


def _factors(resized: np.ndarray, image: np.ndarray) -> Factors:
    """What a resize has multiplied width and height by."""
    (height, width), (h, w) = image.shape[:2], resized.shape[:2]
    return w / width, h / height


def merge(found: Sequence[np.ndarray]) -> np.ndarray:
    """Merge detections of the same faces.

    Boxes with an IoU of at least 0.5 become their mean, weighted by score,
    with the best score: :func:`mmsrn.structures.bbox.bbox_voting`.

    Args:
        found (Sequence[np.ndarray]): (n, 5) each.

    Returns:
        np.ndarray: (m, 5) float32, by falling score.
    """
    rows = np.concatenate(found)
    return bbox_voting(
        rows, SAME_IOU, keep_single=True, max_num=max(len(rows), 1), offset=0
    ).astype(np.float32)


def detect_in_tiles(
    predict: Predict, image: np.ndarray, factors: Factors, max_pixels: float
) -> np.ndarray:
    """Detect faces in an image, in tiles if it is large.

    The tiles overlap. Faces larger than the overlap, which every tile may cut
    off, are searched in the image at half its size.

    Args:
        predict (Callable): The detector.
        image (np.ndarray): (h, w, 3) BGR uint8, resized.
        factors (Factors): What it was resized by.
        max_pixels (float): Most pixels of a tile.

    Returns:
        np.ndarray: (n, 5) float32, by falling score, corners in pixels of the
        photo before the resize.
    """
    height, width = image.shape[:2]
    tiles = make_tiles(height, width, max_pixels)
    if len(tiles) == 1:
        return predict([image], [factors])[0]
    half = cv2.resize(image, (max(width // 2, 1), max(height // 2, 1)))
    x, y = _factors(half, image)
    smaller = factors[0] * x, factors[1] * y
    large = detect_in_tiles(predict, half, smaller, max_pixels)
    scaling = np.array(factors * 2)
    kept = [
        large[exceeds_overlap(large[:, :4] * scaling, tiles[0], height, width)]
    ]
    for tile in tiles:  # one after the other: they are many
        left, top = tile.left, tile.top
        part = image[top : top + tile.height, left : left + tile.width]
        (rows,) = predict([np.ascontiguousarray(part)], [factors])
        rows = rows[is_whole(rows[:, :4] * scaling, tile, height, width)]
        rows[:, :4] += (left, top, left, top) / scaling
        kept.append(rows)
    return merge(kept)
