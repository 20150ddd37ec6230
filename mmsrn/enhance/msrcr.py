"""Multi-scale retinex with colour restoration, in its three common forms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ._planes import (
    check_choice,
    check_image,
    check_number,
    form_parameters,
    from_planes,
    to_planes,
)
from ._stretch import bounds, rank, stretch
from .retinex import SIGMAS, check_clips, check_sigmas, plus_one, retinex

_MODES = ('uniform', 'low', 'high')


def gimp_sigmas(
    scale: float = 240, num: int = 3, mode: str = 'uniform'
) -> tuple[float, ...]:
    """Widths of the surrounds of GIMP's Retinex filter.

    Source: GIMP, ``plug-ins/common/contrast-retinex.c``.

    Args:
        scale (float): The largest scale, in pixels: s.
        num (int): Number of scales: n.
        mode (str): For i = 0 ... n - 1: ``'uniform'``, 2 + i s / n;
            ``'low'``, 2 + 10^(i t / ln 10), and ``'high'``,
            s - 10^(i t / ln 10), with t = ln(s - 2) / n. One scale is s / 2,
            two are s / 2 and s, in any mode.

    Returns:
        tuple[float, ...]: Standard deviations in pixels.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> gimp_sigmas()
        (2.0, 82.0, 162.0)
    """
    check_choice('mode', mode, _MODES)
    check_number('scale', scale, 3)
    if not isinstance(num, int) or num < 1:
        raise ValueError(
            f'num must be a whole number of at least 1, not {num!r}'
        )
    if num <= 2:
        return (scale / 2, float(scale))[:num]
    if mode == 'uniform':
        return tuple(2 + i * scale / num for i in range(num))
    step = math.log(scale - 2) / num
    powers = [10 ** (i * step / math.log(10)) for i in range(num)]
    if mode == 'low':
        return tuple(2 + x for x in powers)
    return tuple(scale - x for x in powers)


# Parameters that only some forms have, and their published values.
MSRCR_DEFAULTS = {
    'jobson': dict(
        sigmas=SIGMAS, alpha=125, low_clip=0.01, high_clip=0.99, dynamic=None
    ),
    'minmax': dict(
        sigmas=SIGMAS, alpha=125, low_clip=0.01, high_clip=0.99, dynamic=None
    ),
    'gimp': dict(
        sigmas=gimp_sigmas(),
        alpha=128,
        low_clip=None,
        high_clip=None,
        dynamic=1.2,
    ),
}


def msrcr(
    image: np.ndarray,
    form: str = 'jobson',
    sigmas: Sequence[float] | None = None,
    alpha: float | None = None,
    low_clip: float | None = None,
    high_clip: float | None = None,
    dynamic: float | None = None,
    blur: str = 'fast',
) -> np.ndarray:
    """Multi-scale retinex with colour restoration (MSRCR).

    With I = image + 1 and c a channel:

    | MSR_c = 1/N sum_n [log I_c - log(blur_n(I_c))]
    | C_c = beta [log(alpha I_c) - log(sum_k I_k)]
    | R_c = G (C_c MSR_c - b)

    after Jobson, Rahman and Woodell (IEEE TIP 6(7), 1997): sigmas 15, 80, 250,
    alpha 125, beta 46, G 192, b -30. The forms differ in how they map R to
    grey levels:

    ``'minmax'`` github dongb5/Retinex, ``retinex.py`` and ``config.json``:
        each channel by min-max to 0 to 255, cut to whole levels, then clipped
        to its 1 % and 99 % values without stretching again. ``'jobson'`` The
        constants give values far outside 0 to 255, which the formula leaves
        open. Each channel is stretched between its 1 % and 99 % values (a
        choice: the "simplest color balance" that Petro, Sbert and Morel, IPOL
        2014, apply after the retinex). ``'gimp'`` GIMP,
        ``plug-ins/common/contrast-retinex.c``: sigmas 2, 82, 162
        (:func:`gimp_sigmas`), alpha 128; with the mean m and the standard
        deviation d over all channels, 255 (R - (m - 1.2 d)) / (2.4 d),
        clipped and cut to whole levels. Two things differ from the source: it
        blurs rows again with each scale, and it approximates the Gaussian
        recursively.

    **G, b, beta and the base of the logarithm are not parameters**: they shift
    and scale all values equally, and every form undoes that. Only alpha and
    sigmas change the result.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3) BGR, uint8. In a grey image
            the colour term is constant.
        form (str): ``'minmax'``, ``'jobson'`` or ``'gimp'``.
        sigmas (Sequence[float], optional): Widths of the Gaussians in pixels;
            None: those of the form.
        alpha (float, optional): Strength of the colour term, above 0; None:
            that of the form.
        low_clip (float, optional): Share of each channel's pixels at or below
            the lower bound; 0.01 if None. Not of ``'gimp'``.
        high_clip (float, optional): Share below the upper bound; 0.99 if
            None. Not of ``'gimp'``.
        dynamic (float, optional): Standard deviations on either side of the
            mean that become 0 to 255; 1.2 if None. Only of ``'gimp'``.
        blur (str): ``'fast'`` or ``'exact'``, see
            :func:`~mmsrn.enhance.gaussian_surround`.

    Returns:
        np.ndarray: Shape of ``image``, uint8. A channel without contrast,
        such as that of a black image, is left as it is.

    Raises:
        TypeError: If ``image`` is not uint8.
        ValueError: If its shape or a parameter is out of range, or the form
            has no such parameter.

    Example:
        >>> import numpy as np
        >>> dark = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
        >>> bright = msrcr(dark, form='gimp')
        >>> bright.shape, bool(bright.mean() > dark.mean())
        ((4, 4, 3), True)
    """
    image = check_image(image)
    values = form_parameters(
        form,
        MSRCR_DEFAULTS,
        sigmas=sigmas,
        alpha=alpha,
        low_clip=low_clip,
        high_clip=high_clip,
        dynamic=dynamic,
    )
    check_number('alpha', values['alpha'])
    planes = plus_one(image)
    result = retinex(planes, check_sigmas(values['sigmas']), blur)
    result = result * (
        np.log(planes) - np.log(planes.sum(axis=0) / values['alpha'])
    )
    if form == 'gimp':
        check_number('dynamic', values['dynamic'])
        levels = _around_mean(result, image, values['dynamic'])
    else:
        clips = values['low_clip'], values['high_clip']
        check_clips(*clips)
        to_levels = _min_max if form == 'minmax' else _color_balance
        levels = to_planes(image).copy()
        for channel, plane in zip(levels, result):
            to_levels(plane, channel, *clips)
    return from_planes(levels, image)


def _around_mean(
    values: np.ndarray, image: np.ndarray, dynamic: float
) -> np.ndarray:
    mean = float(values.mean(dtype=np.float64))
    reach = dynamic * float(values.std(dtype=np.float64))
    levels = stretch(values, mean - reach, mean + reach)
    if levels is None:
        return to_planes(image).copy()
    return levels.astype(np.uint8)


def _min_max(
    values: np.ndarray, out: np.ndarray, low_clip: float, high_clip: float
) -> None:
    levels = stretch(values, values.min(), values.max())
    if levels is None:
        return
    out[:] = levels  # cut, as the source does
    below = np.cumsum(np.bincount(out.ravel(), minlength=256))
    low, high = (
        int(np.searchsorted(below, rank(share, out.size), side='right'))
        for share in (low_clip, high_clip)
    )
    np.clip(out, low, high, out=out)


def _color_balance(
    values: np.ndarray, out: np.ndarray, low_clip: float, high_clip: float
) -> None:
    levels = stretch(values, *bounds(values, low_clip, high_clip))
    if levels is not None:
        out[:] = np.rint(levels)
