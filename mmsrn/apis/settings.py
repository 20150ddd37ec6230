"""Checks of the settings of a ``FaceDetector``."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from .enhancement import check_method
from .views import MAX_SIDE

__all__ = ['check_settings', 'scales_of']

Scale = int | str


def scales_of(settings: Any) -> list[Scale]:
    """List the scales of a detector.

    Args:
        settings (FaceDetector): With ``scale``.

    Returns:
        list[int | str]: One or several.
    """
    if isinstance(settings.scale, (list, tuple)):
        return list(settings.scale)
    return [settings.scale]


def check_settings(settings: Any) -> None:
    """Check the settings that can change after a detector was made.

    Args:
        settings (FaceDetector): The detector, with the settings as attributes.

    Raises:
        ValueError: If one is invalid.
    """
    score_thr, min_size = settings.score_thr, settings.min_size
    if not 0 <= score_thr <= 1:
        raise ValueError(f'score_thr={score_thr} is not in [0, 1]')
    if not min_size >= 0:  # nor if it is not a number
        raise ValueError(f'min_size={min_size} is less than 0')
    max_size = settings.max_size
    if max_size is not None and not max_size >= min_size:
        raise ValueError(
            f'max_size={max_size} is less than min_size={min_size}'
        )
    _check_scales(scales_of(settings))
    tile = settings.tile
    if tile not in (None, 'auto') and not (
        isinstance(tile, int) and tile >= 64
    ):
        raise ValueError(
            f"tile={tile!r} is neither None, 'auto' nor a number of pixels "
            'of at least 64'
        )
    if settings.batch_size < 1:
        raise ValueError(f'batch_size={settings.batch_size} is less than 1')
    order = settings.channel_order
    if order not in ('bgr', 'rgb'):
        raise ValueError(f"channel_order={order!r} is neither 'bgr' nor 'rgb'")
    check_method(settings.enhance)


def _check_scales(scales: list[Scale]) -> None:
    for scale in scales:
        if scale != 'original' and not (
            isinstance(scale, Integral) and 1 <= scale <= MAX_SIDE
        ):
            raise ValueError(
                f"scale={scale!r} is neither 'original' nor a number of "
                f'pixels from 1 to {MAX_SIDE}'
            )
    if not scales:
        raise ValueError('scale is an empty list')
