"""Multi-scale retinex without colour restoration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._planes import check_image, check_number, from_planes, to_planes
from ._stretch import bounds, stretch
from .surround import gaussian_surround

#: Usual widths of the surrounds in pixels.
SIGMAS = (15, 80, 250)


def check_sigmas(sigmas: Sequence[float]) -> tuple[float, ...]:
    """Return the sigmas as a tuple, or raise ValueError."""
    if isinstance(sigmas, (int, float)):
        sigmas = (sigmas,)
    if isinstance(sigmas, str) or not len(sigmas):
        raise ValueError(f'sigmas must be numbers, not {sigmas!r}')
    for sigma in sigmas:
        check_number('sigmas', sigma)
    return tuple(sigmas)


def check_clips(low_clip: float, high_clip: float) -> None:
    """Raise ValueError unless two shares leave something between them."""
    check_number('low_clip', low_clip, 0, 1, open_low=False)
    check_number('high_clip', high_clip, 0, 1)
    if low_clip >= high_clip:
        raise ValueError(
            f'low_clip {low_clip} must be below high_clip {high_clip}'
        )


def retinex(
    planes: np.ndarray, sigmas: Sequence[float], blur: str
) -> np.ndarray:
    """Multi-scale retinex, mean over n of log I - log blur_n(I).

    Args:
        planes (np.ndarray): Channels I, (c, h, w), float32, above 0.
        sigmas (Sequence[float]): Widths of the Gaussians in pixels.
        blur (str): As of :func:`gaussian_surround`.

    Returns:
        np.ndarray: (c, h, w), natural logarithm.
    """
    result = np.log(planes)
    for sigma in sigmas:
        surround = gaussian_surround(planes, sigma, blur)
        result = result - np.log(surround, out=surround) / len(sigmas)
    return result


def plus_one(image: np.ndarray) -> np.ndarray:
    """Channels of image + 1, in [1, 256]: (c, h, w), float32."""
    return to_planes(image).astype(np.float32) + 1


def multi_scale_retinex(
    image: np.ndarray,
    sigmas: Sequence[float] = SIGMAS,
    low_clip: float = 0.01,
    high_clip: float = 0.99,
    blur: str = 'fast',
) -> np.ndarray:
    """Multi-scale retinex (MSR), each channel by itself.

    MSR_c = 1/N sum_n [log I_c - log(blur_n(I_c))], I = image + 1, after
    Jobson, Rahman and Woodell (IEEE TIP 6(7), 1997). The paper does not say
    how to map the result to grey levels. Here each channel is stretched
    linearly between its 1 % and 99 % values (a common choice). The base of the
    logarithm does not change the result, nor do other weights with the same
    sum.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3) BGR, uint8.
        sigmas (Sequence[float]): Widths of the Gaussians in pixels.
        low_clip (float): Share of the pixels that become 0.
        high_clip (float): Share of the pixels that stay below 255.
        blur (str): ``'fast'`` or ``'exact'``, see
            :func:`~mmsrn.enhance.gaussian_surround`.

    Returns:
        np.ndarray: Shape of ``image``, uint8. A channel whose retinex is
        flat, as that of a black image, is left as it is.

    Raises:
        TypeError: If ``image`` is not uint8.
        ValueError: If its shape or a parameter is out of range.
    """
    image = check_image(image)
    sigmas = check_sigmas(sigmas)
    check_clips(low_clip, high_clip)
    out = to_planes(image).copy()
    for channel, values in zip(out, retinex(plus_one(image), sigmas, blur)):
        levels = stretch(values, *bounds(values, low_clip, high_clip))
        if levels is not None:
            channel[:] = np.rint(levels)
    return from_planes(out, image)


def automated_msrcr(
    image: np.ndarray, sigmas: Sequence[float] = SIGMAS, blur: str = 'fast'
) -> np.ndarray:
    """The "automated MSRCR" of the usual Python port.

    Source: ``automatedMSRCR`` of github dongb5/Retinex, ``retinex.py``.
    Despite its name, it does not restore colour: R = 2 MSR with log10, in a
    histogram of int(100 R) per channel; cut at the bins nearest to zero, on
    either side, that have under 0.1 times the pixels of bin zero; then min-max
    to 0 to 255, cut to whole levels.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3) BGR, uint8.
        sigmas (Sequence[float]): Widths of the Gaussians in pixels.
        blur (str): ``'fast'`` or ``'exact'``.

    Returns:
        np.ndarray: Shape of ``image``, uint8. Where the source fails, a
        channel is not cut (no pixel in bin zero) or stays unchanged (flat).

    Raises:
        TypeError: If ``image`` is not uint8.
        ValueError: If its shape or a parameter is out of range.
    """
    image = check_image(image)
    values = retinex(plus_one(image), check_sigmas(sigmas), blur)
    out = to_planes(image).copy()
    for channel, plane in zip(out, values * (2 / np.log(10))):
        bins, counts = np.unique(
            (plane * 100).astype(np.int32), return_counts=True
        )
        # The outermost bins, whose values are cut towards zero.
        low = max(plane.min(), bins[0] / 100)
        high = min(plane.max(), bins[-1] / 100)
        rare = counts < 0.1 * counts[bins == 0].sum()
        if (rare & (bins < 0)).any():
            low = max(low, bins[rare & (bins < 0)][-1] / 100)
        if (rare & (bins > 0)).any():
            high = min(high, bins[rare & (bins > 0)][0] / 100)
        levels = stretch(plane, low, high)
        if levels is not None:
            channel[:] = levels  # cut, as the source does
    return from_planes(out, image)


def msrcp(
    image: np.ndarray,
    sigmas: Sequence[float] = SIGMAS,
    low_clip: float = 0.01,
    high_clip: float = 0.99,
    blur: str = 'fast',
) -> np.ndarray:
    """Multi-scale retinex with chromaticity preservation (MSRCP).

    Source: ``MSRCP`` of github dongb5/Retinex, ``retinex.py``, after Petro,
    Sbert and Morel, "Multiscale Retinex", IPOL 2014. With I = image + 1:
    intensity = mean of the channels; its MSR is clipped to its 1 % and 99 %
    values and stretched by min-max to I1 in [1, 256]; each pixel is
    multiplied with A = min(256 / max of its channels, I1 / intensity);
    minus 1, cut to whole levels.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3) BGR, uint8.
        sigmas (Sequence[float]): Widths of the Gaussians in pixels.
        low_clip (float): Share of the intensities that become black.
        high_clip (float): Share of the intensities that stay below white.
        blur (str): ``'fast'`` or ``'exact'``.

    Returns:
        np.ndarray: Shape of ``image``, uint8; a copy of ``image`` if its MSR
        is flat.

    Raises:
        TypeError: If ``image`` is not uint8.
        ValueError: If its shape or a parameter is out of range.
    """
    image = check_image(image)
    sigmas = check_sigmas(sigmas)
    check_clips(low_clip, high_clip)
    planes = plus_one(image)
    intensity = planes.mean(axis=0)
    values = retinex(intensity[None], sigmas, blur)[0]
    levels = stretch(values, *bounds(values, low_clip, high_clip))
    if levels is None:
        return image.copy()
    gain = np.minimum(256 / planes.max(axis=0), (levels + 1) / intensity)
    # The tolerance keeps whole numbers whole: 256 / 3 * 3 may lie below 256.
    result = np.clip(planes * gain - (1 - 1e-4), 0, 255)
    return from_planes(result.astype(np.uint8), image)
