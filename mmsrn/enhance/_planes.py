"""Helpers of all methods: checks of images, and their channels as planes."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

#: The colour spaces whose lightness a method can work on: to, from, channel.
_LIGHTNESS = {
    'lab': (cv2.COLOR_BGR2LAB, cv2.COLOR_LAB2BGR, 0),
    'ycrcb': (cv2.COLOR_BGR2YCrCb, cv2.COLOR_YCrCb2BGR, 0),
    'hsv': (cv2.COLOR_BGR2HSV, cv2.COLOR_HSV2BGR, 2),
}
SPACES = tuple(_LIGHTNESS)


def check_image(image: np.ndarray) -> np.ndarray:
    """Return an image as OpenCV expects it, or raise an error.

    Args:
        image (np.ndarray): Anything.

    Returns:
        np.ndarray: The same pixels, contiguous: (h, w) grey or (h, w, 3) BGR,
        uint8. A contiguous array is returned as it is.

    Raises:
        TypeError: If it is not a uint8 array.
        ValueError: If its shape is invalid, or it has no pixels.
    """
    if not isinstance(image, np.ndarray):
        raise TypeError(
            f'an image must be a NumPy array, not {type(image).__name__}'
        )
    if image.dtype != np.uint8:
        raise TypeError(
            f'an image must be uint8, 0 to 255, not {image.dtype}; enhance '
            'before converting to floats or normalising'
        )
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise ValueError(
            'an image must have the shape (h, w) or (h, w, 3), not '
            f'{image.shape}'
        )
    if image.size == 0:
        raise ValueError(f'the image of shape {image.shape} has no pixels')
    return np.ascontiguousarray(image)


def to_planes(image: np.ndarray) -> np.ndarray:
    """Split an image into its channels.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3).

    Returns:
        np.ndarray: (1 or 3, h, w) of the same type, contiguous.
    """
    if image.ndim == 2:
        return image[None]
    return np.stack(cv2.split(image))


def from_planes(planes: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Join channels to an image.

    Args:
        planes (np.ndarray): (1 or 3, h, w).
        like (np.ndarray): The image they come from.

    Returns:
        np.ndarray: (h, w) or (h, w, 3) as ``like``, contiguous.
    """
    if like.ndim == 2:
        return planes[0]
    return cv2.merge(list(planes))


def brightest(image: np.ndarray) -> np.ndarray:
    """Largest of the channels, HSV's V: (h, w) uint8."""
    if image.ndim == 2:
        return image
    blue, green, red = cv2.split(image)
    return cv2.max(cv2.max(blue, green), red)


def to_uint8(values: np.ndarray) -> np.ndarray:
    """Round to the nearest grey level, clipped to 0 to 255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def scale_colors(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Change the brightness V of each pixel, and keep hue and saturation.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3), uint8.
        table (np.ndarray): New brightness of each of 256, (256,) float.

    Returns:
        np.ndarray: As ``image``: each channel times table[V] / V, rounded.
    """
    if image.ndim == 2:
        return cv2.LUT(image, to_uint8(table))
    levels = np.arange(256)
    gains = np.divide(table, levels, out=np.zeros(256), where=levels > 0)
    gain = np.take(gains.astype(np.float32), brightest(image))
    return to_uint8(image * gain[..., None])


def on_lightness(image: np.ndarray, space: str, function) -> np.ndarray:
    """Apply a function of grey images to the lightness of a colour one.

    Args:
        image (np.ndarray): (h, w) or (h, w, 3), uint8; a grey one is its own
            lightness.
        space (str): One of :data:`SPACES`.
        function (Callable): Takes and returns (h, w) uint8.

    Returns:
        np.ndarray: As ``image``.

    Raises:
        ValueError: If there is no such space.
    """
    check_choice('space', space, SPACES)
    if image.ndim == 2:
        return function(image)
    there, back, channel = _LIGHTNESS[space]
    planes = list(cv2.split(cv2.cvtColor(image, there)))
    planes[channel] = function(planes[channel])
    return cv2.cvtColor(cv2.merge(planes), back)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless a parameter is one of some words."""
    if value not in choices:
        raise ValueError(
            f'{name} must be one of {", ".join(choices)}, not {value!r}'
        )


def form_parameters(
    form: str, defaults: Mapping[str, Mapping], **given: object
) -> dict:
    """Parameters of one form of a method.

    Args:
        form (str): Its name.
        defaults (Mapping): Published values by form and parameter; None: the
            form has no such parameter.
        **given (object): Values in place of these; None: as published.

    Returns:
        dict: Values by name.

    Raises:
        ValueError: If there is no such form, or it has no such parameter.
    """
    check_choice('form', form, tuple(defaults))
    values = dict(defaults[form])
    for name, value in given.items():
        if value is None:
            continue
        if values[name] is None:
            raise ValueError(f'form {form!r} has no {name}')
        values[name] = value
    return values


def check_number(
    name: str,
    value: object,
    low: float = 0,
    high: float = float('inf'),
    open_low: bool = True,
) -> None:
    """Raise ValueError unless a parameter is a number of a range.

    Args:
        name (str): The parameter.
        value (object): What was given.
        low (float): The least value.
        high (float): The greatest.
        open_low (bool): Whether ``low`` itself is excluded.
    """
    number = isinstance(value, (int, float, np.number))
    if not number or isinstance(value, bool) or not np.isfinite(value):
        raise ValueError(f'{name} must be a number, not {value!r}')
    if value < low or value > high or (open_low and value == low):
        start = 'above' if open_low else 'at least'
        end = '' if high == float('inf') else f' and at most {high:g}'
        raise ValueError(f'{name} must be {start} {low:g}{end}, not {value}')
