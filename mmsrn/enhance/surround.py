"""Fast wide Gaussian blurs, the surrounds of the retinex methods."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from ._planes import check_choice, check_number

BLURS = ('fast', 'exact')
# Frequencies that the blur weakens more than this are left out.
_CUTOFF = 1e-4
# Measured: multiply-adds of a matrix product in the time of one of a filter.
_PRODUCT_SPEED = 5


def gaussian_surround(
    planes: np.ndarray, sigma: float, blur: str = 'fast'
) -> np.ndarray:
    """Blur channels with a Gaussian, as ``cv2.GaussianBlur`` does.

    OpenCV's time grows with sigma: for sigma 250 each pixel is a sum over 2001
    neighbours, once along rows and once along columns. The fast way uses two
    facts. First, with OpenCV's default border, reflect 101, an image is half a
    period of an even signal, so a symmetric kernel only scales the cosines of
    the DCT-I, cos(pi k i / (n - 1)), by the kernel's cosine sum. Second, the
    factors of a wide Gaussian, exp(-(sigma pi k / (n - 1))^2 / 2), vanish
    after a few k: 6 along 1080 pixels for sigma 250, 99 for sigma 15. The blur
    is therefore a product with two slim matrices on each side. It drops only
    the frequencies that the Gaussian weakens below 1e-4; the relative error is
    about 5e-5. Kernel (cut at 4 sigma, sum 1) and border are OpenCV's.

    Args:
        planes (np.ndarray): Channels, (c, h, w), float32.
        sigma (float): Standard deviation in pixels, above 0.
        blur (str): ``'fast'``, or ``'exact'`` for OpenCV's own in float64.
            Narrow Gaussians, for which OpenCV is faster, always use OpenCV.

    Returns:
        np.ndarray: Blurred channels, (c, h, w); float32, float64 if exact.

    Raises:
        ValueError: If ``sigma`` or ``blur`` is invalid.

    Example:
        >>> import numpy as np
        >>> dot = np.zeros((1, 101, 101), np.float32)
        >>> dot[0, 50, 50] = 1
        >>> blurred = gaussian_surround(dot, 20)
        >>> round(float(blurred[0, 50, 50] * 2 * np.pi * 20**2), 2)
        1.0
    """
    check_number('sigma', sigma)
    check_choice('blur', blur, BLURS)
    height, width = planes.shape[1:]
    if blur == 'exact':
        planes = planes.astype(np.float64)
    else:
        rows, columns = _cosines(height, sigma), _cosines(width, sigma)
        terms = len(rows[0]) + len(columns[0])
        if terms <= _PRODUCT_SPEED * _taps(sigma):
            factors = rows[0] @ planes @ columns[0].T
            return rows[1] @ factors @ columns[1].T
    return np.stack([cv2.GaussianBlur(x, (0, 0), sigma) for x in planes])


def _taps(sigma: float) -> int:
    """Length of OpenCV's kernel for floats."""
    return int(np.rint(sigma * 8 + 1)) | 1


@lru_cache(maxsize=32)
def _cosines(size: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Matrices to the blurred cosine terms of a line, and back.

    Args:
        size (int): Pixels of the line, n.
        sigma (float): Of the Gaussian.

    Returns:
        tuple[np.ndarray, np.ndarray]: (k, n) and (n, k) float32, of the k
        terms that are left of a blurred line.
    """
    reach = _taps(sigma) // 2
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    last = max(size - 1, 1)
    omega = np.pi * np.arange(size) / last
    omega = omega[np.exp(-((sigma * omega) ** 2) / 2) > _CUTOFF]
    factors = np.cos(np.outer(omega, offsets)) @ kernel
    back = np.cos(np.outer(np.arange(size), omega))
    forth = back.T * (factors * 2 / last)[:, None]
    # Both ends of the line, and of the frequencies, count half.
    if size > 1:
        forth[:, [0, -1]] /= 2
        forth[0] /= 2
        if len(omega) == size:
            forth[-1] /= 2
    else:
        forth /= 2
    forth, back = forth.astype(np.float32), back.astype(np.float32)
    forth.flags.writeable = back.flags.writeable = False
    return forth, back
