"""Pictures to try a detector on where no photo is at hand."""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ['draw_picture']


def draw_picture(
    rng: np.random.Generator, height: int, width: int
) -> np.ndarray:
    """Draw bright ovals with eyes and a mouth on smooth noise.

    A detector finds something in it, which is all that a comparison of two
    programs needs; it is nothing to train or to measure accuracy with.

    Args:
        rng (np.random.Generator): Source of all randomness.
        height, width (int): Of the picture in pixels.

    Returns:
        np.ndarray: BGR, (height, width, 3) uint8.
    """
    coarse = rng.uniform(20, 200, (5, 5, 3)).astype(np.float32)
    picture = cv2.resize(coarse, (width, height))
    picture += rng.normal(0, 4, picture.shape).astype(np.float32)
    for _ in range(8):
        radius = min(height, width) * rng.uniform(0.04, 0.2)
        x, y = rng.uniform(0, [width, height])
        skin = np.array([120.0, 150.0, 200.0]) * rng.uniform(0.6, 1.2)
        for right, down, wide, high, color in (
            (0, -0.15, 0.95, 1.2, skin / 4),  # hair
            (0, 0.1, 0.75, 1, skin),
            (-0.32, -0.1, 0.14, 0.09, skin / 5),
            (0.32, -0.1, 0.14, 0.09, skin / 5),
            (0, 0.3, 0.1, 0.14, skin * 0.8),
            (0, 0.6, 0.3, 0.08, skin * [0.5, 0.4, 0.7]),
        ):
            place = round(x + right * radius), round(y + down * radius)
            axes = max(1, round(wide * radius)), max(1, round(high * radius))
            cv2.ellipse(
                picture, place, axes, 0, 0, 360, color.tolist(), cv2.FILLED
            )
    return np.clip(cv2.GaussianBlur(picture, (3, 3), 0), 0, 255).astype('u1')
