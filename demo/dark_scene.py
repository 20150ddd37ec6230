"""A drawn photo of a street at night, to try enhancement on."""

from __future__ import annotations

import cv2
import numpy as np

from .drawn_faces import draw_scene

_EXPOSURE = 0.012  # of the linear light, away from lamps
_ELECTRONS = 4000  # at white
_READ_NOISE = 4  # electrons


def draw_dark_scene(
    seed: int = 2, size: tuple[int, int] = (720, 1080)
) -> np.ndarray:
    """Draw faces in the dark, some of them near lamps.

    A scene of :func:`~demo.drawn_faces.draw_scene` in linear
    light, dimmed but for pools around lamps, with shot and read noise. It is
    no photograph: it serves where none may be shown.

    Args:
        seed (int): The same seed draws the same picture.
        size (tuple[int, int]): Height and width.

    Returns:
        np.ndarray: (h, w, 3) BGR, uint8.
    """
    rng = np.random.default_rng(seed)
    scene = draw_scene(rng, size, 'synthetic_group')[0]
    height, width = size
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    light = np.full((*size, 3), _EXPOSURE, np.float32)
    lamps = np.zeros((*size, 3), np.float32)
    for _ in range(3):
        x, y = rng.uniform(0, width), rng.uniform(0, height / 3)
        tint = rng.uniform([0.3, 0.6, 0.8], [1.0, 1.0, 1.0])
        reach = rng.uniform(0.1, 0.25) * width
        distance = (columns - x) ** 2 + ((rows - y) / 1.5) ** 2
        pool = np.exp(-np.sqrt(distance) / reach)[..., None]
        light += 0.12 * pool * tint.astype(np.float32)
        lamps += np.exp(-distance / (0.01 * width) ** 2)[..., None]
    linear = (scene / np.float32(255)) ** 2.2 * light + lamps
    electrons = rng.poisson(np.clip(linear, 0, 1) * _ELECTRONS)
    electrons = electrons + rng.normal(0, _READ_NOISE, linear.shape)
    linear = np.clip(electrons / _ELECTRONS, 0, 1)
    picture = np.rint(255 * linear ** (1 / 2.2)).astype(np.uint8)
    return cv2.GaussianBlur(picture, (3, 3), 0.6)  # as cameras smooth noise
