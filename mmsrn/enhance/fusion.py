"""Multi-scale fusion of three versions of the illumination (MF)."""

from __future__ import annotations

import cv2
import numpy as np

from ._planes import brightest, check_image, check_number, to_uint8


def multi_fusion(
    image: np.ndarray,
    radius: int = 7,
    guided_radius: int = 2,
    guided_eps: float = 0.004,
    clip_limit: float = 3.0,
    levels: int = 3,
) -> np.ndarray:
    """Fusion-based enhancement of weakly lit images (MF).

    Fu, Zeng, Huang, Liao, Ding and Paisley, "A fusion-based enhancing method
    for weakly illuminated images" (Signal Processing 129, 2016). S is the
    image over 255.

    1. Illumination I: the largest channel, closed with a disk, refined by a
       guided filter that follows the largest channel. Reflectance S / I.
    2. Versions of it: I1 = I; I2 = 2 / pi arctan(lambda I) with
       lambda = 10 + (1 - mean I) / mean I; I3 = CLAHE of I.
    3. Weights: exp(-(Ik - 0.5)^2 / (2 x 0.25^2)) for brightness, times Ik (1 +
       cos(alpha H + phi) S') for chromatic contrast, H and S' hue and
       saturation; divided by their sum over k. The factor in brackets is the
       same for all three and cancels, so it is left out. 4. Laplacian pyramids
       of the Ik, times Gaussian pyramids of the weights, are added up and
       collapsed to the new illumination; times S / I, clipped, it is the
       result.

    The default values are those of a public port, github
    Jensen-JZ/Multi-scale_FE; the authors' code is not public.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3) BGR, uint8.
        radius (int): Radius of the disk in pixels, at least 0.
        guided_radius (int): Radius of the guided filter's window in pixels.
        guided_eps (float): Regularisation of the guided filter, on the scale
            of S squared.
        clip_limit (float): Clip limit of CLAHE with 8 x 8 tiles.
        levels (int): Levels of the pyramids, at least 1.

    Returns:
        np.ndarray: Shape of ``image``, uint8, rounded. Black stays black.

    Raises:
        TypeError: If ``image`` is not uint8.
        ValueError: If its shape or a parameter is out of range.
    """
    image = check_image(image)
    for name, value, least in (
        ('radius', radius, 0),
        ('guided_radius', guided_radius, 0),
        ('levels', levels, 1),
    ):
        if not isinstance(value, int) or value < least:
            raise ValueError(
                f'{name} must be a whole number of at least {least}, not '
                f'{value!r}'
            )
    check_number('guided_eps', guided_eps)
    check_number('clip_limit', clip_limit)
    guide = brightest(image)
    if not guide.any():
        return image.copy()
    disk = cv2.getStructuringElement(
        cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)
    )
    closed = cv2.morphologyEx(guide, cv2.MORPH_CLOSE, disk)
    light = _guided_filter(
        guide / np.float32(255),
        closed / np.float32(255),
        guided_radius,
        guided_eps,
    )
    # The filter may leave the range; a level of 1 is the darkest that is lit.
    light = np.clip(light, np.float32(1 / 255), 1)
    new = _fuse(_versions(light, clip_limit), levels)
    gain = np.maximum(new, 0) / light
    return to_uint8(image * (gain if image.ndim == 2 else gain[..., None]))


def _guided_filter(
    guide: np.ndarray, source: np.ndarray, radius: int, eps: float
) -> np.ndarray:
    """He, Sun and Tang's filter; windows are cut off at the border."""

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(
            values,
            -1,
            (2 * radius + 1, 2 * radius + 1),
            normalize=False,
            borderType=cv2.BORDER_CONSTANT,
        )

    count = mean(np.ones_like(guide))
    guide_mean, source_mean = mean(guide) / count, mean(source) / count
    covariance = mean(guide * source) / count - guide_mean * source_mean
    variance = mean(guide * guide) / count - guide_mean * guide_mean
    slope = covariance / (variance + eps)
    offset = source_mean - slope * guide_mean
    return (mean(slope) * guide + mean(offset)) / count


def _versions(light: np.ndarray, clip_limit: float) -> list[np.ndarray]:
    mean = float(light.mean())
    strength = 10 + (1 - mean) / mean
    levels = to_uint8(light * 255)
    if levels.min() < levels.max():  # else it would invent a contrast
        levels = cv2.createCLAHE(clip_limit, (8, 8)).apply(levels)
    return [
        light,
        np.arctan(strength * light) * np.float32(2 / np.pi),
        levels / np.float32(255),
    ]


def _fuse(versions: list[np.ndarray], levels: int) -> np.ndarray:
    weights = [
        version * np.exp(-((version - 0.5) ** 2) / (2 * 0.25**2))
        for version in versions
    ]
    total = np.maximum(sum(weights), np.float32(1e-12))
    fused: list[np.ndarray] = []
    for version, weight in zip(versions, weights):
        parts = _laplacian(version, levels)
        for i, share in enumerate(_gaussian(weight / total, levels)):
            part = parts[i] * share
            if i == len(fused):
                fused.append(part)
            else:
                fused[i] += part
    result = fused.pop()
    while fused:
        result = _expand(result, fused[-1]) + fused.pop()
    return result


def _gaussian(image: np.ndarray, levels: int) -> list[np.ndarray]:
    pyramid = [image]
    while len(pyramid) < levels:
        pyramid.append(cv2.pyrDown(pyramid[-1]))
    return pyramid


def _expand(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    return cv2.pyrUp(image, dstsize=like.shape[::-1])


def _laplacian(image: np.ndarray, levels: int) -> list[np.ndarray]:
    pyramid = _gaussian(image, levels)
    return [
        finer - _expand(coarser, finer)
        for finer, coarser in zip(pyramid, pyramid[1:])
    ] + pyramid[-1:]
