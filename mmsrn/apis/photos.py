"""Read photos from files, bytes, arrays, images and tensors."""

from __future__ import annotations

import io
import os
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from mmsrn.utils.image_files import (
    ABOUT_ONE_IMAGE,
    decode_image,
    decode_incomplete_jpeg,
    read_bytes,
)
from mmsrn.utils.image_header import MAX_PIXELS
from mmsrn.utils.one_line import one_line

__all__ = ['PhotoError', 'is_tensor', 'open_photo', 'read_photo']

_TIFF = (b'II*\0', b'MM\0*')
_WIDTH, _HEIGHT = 256, 257  # tags of TIFF


class PhotoError(ValueError):
    """A photo that cannot be used; one line that names it."""


def read_photo(
    content: Any, name: str, channel_order: str = 'bgr', strict: bool = True
) -> np.ndarray:
    """Read a photo, upright.

    Args:
        content (Any): See :func:`open_photo`.
        name (str): See there.
        channel_order (str): See there.
        strict (bool): See there.

    Returns:
        np.ndarray: (h, w, 3) BGR, uint8.

    Raises:
        PhotoError: If it cannot be read or is no photo.
    """
    return open_photo(content, name, channel_order, strict)[0]


def open_photo(
    content: Any, name: str, channel_order: str = 'bgr', strict: bool = False
) -> tuple[np.ndarray, str | None]:
    """Read a photo, upright.

    Files are decoded as in training: EXIF orientation is applied, grey becomes
    BGR, 16 bits become 8, transparency is dropped. A JPEG file that is cut off
    is read up to its end, as in a browser.

    Args:
        content (Any): A path; the bytes of an image file; an array (h, w),
            (h, w, 1), (h, w, 3) or (h, w, 4) of uint8, uint16, or floats
            either in [0, 1] or in [0, 255]; a PIL image; a torch tensor
            (3, h, w) or (1, h, w), RGB, of the same types.
        name (str): For messages.
        channel_order (str): Channel order of arrays: ``'bgr'``, as in OpenCV
            and MMDetection, or ``'rgb'``.
        strict (bool): Refuse files that are cut off.

    Returns:
        tuple[np.ndarray, str | None]: The photo, (h, w, 3) BGR uint8, and what
        is missing, or None.

    Raises:
        PhotoError: If it cannot be read or is no photo.
    """
    missing = None
    try:
        if isinstance(content, (str, os.PathLike)):
            photo, missing = _decode(read_bytes(content), strict)
        elif isinstance(content, (bytes, bytearray, memoryview)):
            photo, missing = _decode(bytes(content), strict)
        elif isinstance(content, Image.Image):
            photo = _from_pil(content)
        elif isinstance(content, np.ndarray):
            photo = _from_array(content, channel_order)
        elif is_tensor(content):
            photo = _from_tensor(content)
        else:
            raise TypeError(_unknown(content))
    except (*ABOUT_ONE_IMAGE, TypeError) as error:
        # The system's messages repeat the path.
        reason = getattr(error, 'strerror', None) or one_line(error)
        raise PhotoError(
            f'{name}: {reason or type(error).__name__}'
        ) from error
    return np.ascontiguousarray(photo), missing


def _decode(data: bytes, strict: bool) -> tuple[np.ndarray, str | None]:
    """Decode a file, whole or what there is of it."""
    try:
        return decode_image(data), None
    except OSError as error:
        if strict:
            raise
        try:
            photo = decode_incomplete_jpeg(data)
        except ABOUT_ONE_IMAGE:
            raise error from None
        reason = (
            f'is incomplete ({one_line(error)}); the readable part was used'
        )
        return photo, reason
    except ValueError:
        if not data.startswith(_TIFF) or _tiff_pixels(data) > MAX_PIXELS:
            raise
        flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
        photo = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        if photo is None:
            raise
        return _from_array(photo, 'bgr'), None


def _tiff_pixels(data: bytes) -> int:
    """Pixels of a TIFF file, also where PIL does not know their type."""
    try:
        file = io.BytesIO(data)
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
        return tags[_WIDTH] * tags[_HEIGHT]
    except Exception as error:  # a damaged file may raise anything
        raise ValueError('is not a readable TIFF file') from error


def is_tensor(content: Any) -> bool:
    """Return whether an object is a torch tensor, without importing torch.

    Args:
        content (Any): Anything.

    Returns:
        bool: True if it is a tensor.
    """
    return type(content).__module__.partition('.')[0] == 'torch' and hasattr(
        content, 'detach'
    )


def _unknown(content: Any) -> str:
    return (
        f'is a {type(content).__name__}; a photo is a path, bytes, a NumPy '
        'array, a PIL image or a torch tensor'
    )


def _from_pil(image: Image.Image) -> np.ndarray:
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith('I') or image.mode == 'F':
        # PIL cuts off what is more than 8 bits.
        values = np.asarray(image)
        if image.mode == 'I':  # as PIL reads some files of 16 bits
            values = values.clip(0, 65535).astype(np.uint16)
        return _from_array(values, 'rgb')
    return np.asarray(image.convert('RGB'))[..., ::-1]


def _from_tensor(tensor: Any) -> np.ndarray:
    if tensor.ndim != 3 or tensor.shape[0] not in (1, 3):
        raise ValueError(
            f'is a tensor of shape {tuple(tensor.shape)}; a photo is '
            '(3, h, w) RGB or (1, h, w)'
        )
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.float()  # NumPy knows no bfloat16
    return _from_array(tensor.permute(1, 2, 0).numpy(), 'rgb')


def _from_array(array: np.ndarray, channel_order: str) -> np.ndarray:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise ValueError(
            f'is an array of shape {array.shape}; a photo is (h, w), '
            '(h, w, 3) or (h, w, 4)'
        )
    if not array.size:
        raise ValueError(f'has no pixels: its shape is {array.shape}')
    array = _to_uint8(array)
    if array.shape[2] == 1:
        return cv2.cvtColor(array, cv2.COLOR_GRAY2BGR)
    array = array[..., :3]
    return array[..., ::-1] if channel_order == 'rgb' else array


def _to_uint8(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == 'u' and array.dtype.itemsize == 2:
        return (array >> 8).astype(np.uint8)  # as OpenCV reads such files
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f'is an array of {array.dtype}; a photo is of uint8, uint16 or '
            'floats'
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 255):  # nor if one is not a number
        raise ValueError(
            f'has values from {low:g} to {high:g}; floats must be in [0, 1] '
            'or in [0, 255]'
        )
    return (array * (255 if high <= 1 else 1)).round().astype(np.uint8)
