"""LIME: low-light enhancement through a map of the illumination."""

from __future__ import annotations

import cv2
import numpy as np

from ._edge_aware import smooth
from ._planes import brightest, check_image, check_number, to_uint8

STRATEGIES = (1, 2, 3)


def lime(
    image: np.ndarray,
    alpha: float = 0.15,
    gamma: float = 0.8,
    strategy: int = 3,
    sigma: float = 2.0,
    window: int = 5,
    eps: float = 1e-3,
) -> np.ndarray:
    """LIME with the sped-up solver.

    Guo, Li and Ling, "LIME: Low-Light Image Enhancement via Illumination Map
    Estimation" (IEEE TIP 26(2), 2017). L is the image over 255.

    1. First map: T0(x) = max over the channels of L.
    2. Refined map T: the least of ``sum_x (T0 - T)^2 + alpha sum_x sum_d W_d
       (grad_d T)^2 / (|grad_d T0| + eps)``, d horizontal and vertical, forward
       differences; that is ``(I + sum_d D_d^T Diag(alpha W_d /
       (|grad_d T0| + eps)) D_d) t = t0``, solved by preconditioned conjugate
       gradients.
    3. W_d by strategy 1: 1; strategy 2: ``1 / (|grad_d T0| + eps)``; strategy
       3: ``1 / (|G * grad_d T0| + eps)`` with a Gaussian window G of sum 1.
    4. Result: L / (T^gamma + eps), clipped.

    The last, optional step, denoising the brightness with BM3D, is left out:
    it blurs small faces, and no dependency of mmsrn has BM3D.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3) BGR, uint8.
        alpha (float): Weight of the smoothness, above 0; 0.15 in the paper.
        gamma (float): Exponent of the map, above 0; 0.8 in the paper.
        strategy (int): 1, 2 or 3; 3 in the paper's comparisons.
        sigma (float): Of the window of strategy 3, in pixels; 2 in the paper.
        window (int): Side of the window, odd; a choice.
        eps (float): Small constant against division by zero, on the scale of
            L; a choice.

    Returns:
        np.ndarray: Shape of ``image``, uint8, rounded.

    Raises:
        TypeError: If ``image`` is not uint8.
        ValueError: If its shape or a parameter is out of range.
    """
    image = check_image(image)
    for name, value in dict(
        alpha=alpha, gamma=gamma, sigma=sigma, eps=eps
    ).items():
        check_number(name, value)
    if strategy not in STRATEGIES:
        raise ValueError(f'strategy must be 1, 2 or 3, not {strategy!r}')
    if not isinstance(window, int) or window < 1 or window % 2 == 0:
        raise ValueError(f'window must be odd and above 0, not {window!r}')
    first = brightest(image) / 255.0
    down, right = (
        alpha * _weights(first, axis, strategy, sigma, window, eps)
        for axis in (0, 1)
    )
    light = smooth(first, down, right) ** gamma + eps
    return to_uint8(image / (light if image.ndim == 2 else light[..., None]))


def _weights(
    first: np.ndarray,
    axis: int,
    strategy: int,
    sigma: float,
    window: int,
    eps: float,
) -> np.ndarray:
    """W_d / (|grad_d T0| + eps) of all links in one direction."""
    size = list(first.shape)
    size[axis] -= 1
    if 0 in size:
        return np.zeros(size)
    gradient = np.diff(first, axis=axis)
    slope = np.abs(gradient) + eps
    if strategy == 1:
        return 1 / slope
    if strategy == 2:
        return 1 / slope**2
    around = cv2.GaussianBlur(gradient, (window, window), sigma)
    return 1 / ((np.abs(around) + eps) * slope)
