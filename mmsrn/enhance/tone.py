"""Tone curves: gamma, gain and histogram equalisation."""

from __future__ import annotations

import cv2
import numpy as np

from ._planes import (
    SPACES,
    brightest,
    check_choice,
    check_image,
    check_number,
    form_parameters,
    on_lightness,
    scale_colors,
    to_uint8,
)

#: Parameters of the forms; None: the form has no such one.
GAMMA_DEFAULTS = {
    'agcwd': dict(alpha=0.5, target=None),
    'mean': dict(alpha=None, target=0.4),
}


def gamma_correction(image: np.ndarray, gamma: float = 1 / 2.2) -> np.ndarray:
    """Gamma curve, 255 (I / 255)^gamma, the same for all channels.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3), uint8.
        gamma (float): Exponent, above 0; below 1 it brightens. 1 / 2.2 to 0.4
            is usual on dark photos.

    Returns:
        np.ndarray: Shape of ``image``, uint8, rounded.

    Raises:
        TypeError: If ``image`` is not uint8.
        ValueError: If its shape or ``gamma`` is out of range.

    Example:
        >>> import numpy as np
        >>> gamma_correction(np.uint8([[0, 64, 255]]), 0.5)
        array([[  0, 128, 255]], dtype=uint8)
    """
    image = check_image(image)
    check_number('gamma', gamma)
    return cv2.LUT(image, to_uint8(255 * (np.arange(256) / 255) ** gamma))


def adaptive_gamma(
    image: np.ndarray,
    form: str = 'agcwd',
    alpha: float | None = None,
    target: float | None = None,
) -> np.ndarray:
    """Gamma curve that follows the image, on V of HSV.

    ``'agcwd'``
        Adaptive gamma correction with weighting distribution, Huang, Cheng
        and Chiu (IEEE TIP 22(3), 2013): of the histogram p of V, with its
        extremes over all 256 levels,
        pw(l) = pmax [(p(l) - pmin) / (pmax - pmin)]^alpha,
        cw(l) = sum of pw up to l over sum of all pw, and
        T(l) = 255 (l / 255)^(1 - cw(l)).
    ``'mean'``
        One gamma that takes the mean of V to a target:
        gamma = log(target) / log(mean(V) / 255).

    Hue and saturation stay: all channels of a pixel are multiplied with
    T(V) / V.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3) BGR, uint8.
        form (str): ``'agcwd'`` or ``'mean'``.
        alpha (float, optional): Of ``'agcwd'``, in (0, 1]; 0.5 if None (a
            choice: the paper has it adjusted).
        target (float, optional): Of ``'mean'``, in (0, 1); 0.4 if None (a
            choice).

    Returns:
        np.ndarray: Shape of ``image``, uint8. Black stays black.

    Raises:
        TypeError: If ``image`` is not uint8.
        ValueError: If its shape or a parameter is out of range, or the form
            has no such parameter.
    """
    image = check_image(image)
    values = form_parameters(form, GAMMA_DEFAULTS, alpha=alpha, target=target)
    alpha, target = values['alpha'], values['target']
    value = brightest(image)
    shares = np.bincount(value.ravel(), minlength=256) / value.size
    if form == 'agcwd':
        check_number('alpha', alpha, 0, 1)
        gamma = 1 - _weighted_cdf(shares, alpha)
    else:
        check_number('target', target, 0, 1)
        if target == 1:
            raise ValueError('target must be below 1')
        mean = float(shares @ np.arange(256)) / 255
        if mean in (0, 1):
            return image.copy()
        gamma = np.log(target) / np.log(mean)
    levels = np.arange(256) / 255
    table = np.where(levels > 0, 255 * levels**gamma, 0)
    return scale_colors(image, table)


def _weighted_cdf(shares: np.ndarray, alpha: float) -> np.ndarray:
    low, high = shares.min(), shares.max()
    if high > low:
        shares = high * ((shares - low) / (high - low)) ** alpha
    return np.minimum(np.cumsum(shares) / shares.sum(), 1)


def linear_gain(
    image: np.ndarray, gain: float = 4.0, offset: float = 0.0
) -> np.ndarray:
    """Linear gain, gain I + offset, the same for all channels.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3), uint8.
        gain (float): Above 0; 4 is a choice.
        offset (float): Grey levels.

    Returns:
        np.ndarray: Shape of ``image``, uint8, rounded and clipped.

    Raises:
        TypeError: If ``image`` is not uint8.
        ValueError: If its shape or a parameter is out of range.
    """
    image = check_image(image)
    check_number('gain', gain)
    check_number('offset', offset, -255, 255, open_low=False)
    return cv2.LUT(image, to_uint8(gain * np.arange(256) + offset))


def histogram_equalization(
    image: np.ndarray, space: str = 'bgr'
) -> np.ndarray:
    """Equalise the histogram, with ``cv2.equalizeHist``.

    With H(l) the number of pixels up to level l, l0 the lowest level in use
    and N the number of pixels: 255 (H(l) - H(l0)) / (N - H(l0)), rounded.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3) BGR, uint8.
        space (str): ``'bgr'``: each channel by itself; ``'lab'``,
            ``'ycrcb'``, ``'hsv'``: only the lightness L, Y or V.

    Returns:
        np.ndarray: Shape of ``image``, uint8.

    Raises:
        TypeError: If ``image`` is not uint8.
        ValueError: If its shape or ``space`` is another one.
    """
    image = check_image(image)
    check_choice('space', space, ('bgr', *SPACES))
    if space != 'bgr':
        return on_lightness(image, space, cv2.equalizeHist)
    if image.ndim == 2:
        return cv2.equalizeHist(image)
    return cv2.merge([cv2.equalizeHist(x) for x in cv2.split(image)])


def clahe(
    image: np.ndarray,
    clip_limit: float = 2.0,
    tiles: int = 8,
    space: str = 'lab',
) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation (CLAHE) of the light.

    Zuiderveld, Graphics Gems IV, 1994, by ``cv2.createCLAHE``: the histogram
    of each tile, its bins cut at ``clip_limit`` times their mean and what was
    cut spread over all, is equalised; between the centres of the tiles the
    curves are interpolated.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3) BGR, uint8.
        clip_limit (float): Above 0; 2 is usual.
        tiles (int): Tiles along each side; 8 is usual.
        space (str): ``'lab'``, ``'ycrcb'`` or ``'hsv'``: whose lightness.

    Returns:
        np.ndarray: Shape of ``image``, uint8; of one lightness, a copy.

    Raises:
        TypeError: If ``image`` is not uint8.
        ValueError: If its shape or a parameter is out of range.
    """
    image = check_image(image)
    check_number('clip_limit', clip_limit)
    if not isinstance(tiles, int) or tiles < 1:
        raise ValueError(
            f'tiles must be a whole number of at least 1, not {tiles!r}'
        )
    method = cv2.createCLAHE(clip_limit, (tiles, tiles))

    def equalize(lightness: np.ndarray) -> np.ndarray:
        # OpenCV would make a small black image white.
        flat = lightness.min() == lightness.max()
        return lightness.copy() if flat else method.apply(lightness)

    return on_lightness(image, space, equalize)
