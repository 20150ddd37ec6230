"""Photos out of whatever a user has them in."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps

from mmsrn.utils.image_files import (
    ABOUT_ONE_IMAGE,
    IMAGE_SUFFIXES,
    decode_image,
)
from mmsrn.utils.one_line import one_line

__all__ = ['PhotoError', 'PhotoSource', 'find_photos', 'read_photo']

_URL = re.compile(r'[a-z][a-z0-9+.-]+://', re.IGNORECASE)


class PhotoError(ValueError):
    """A photo that cannot be used; one line that names it."""


class PhotoSource(NamedTuple):
    """A photo that has not been read.

    Attributes:
        name (str): Its path as given, or ``photo N``, its place in a list.
        content (Any): A path, encoded bytes, an array, a PIL image or a
            tensor.
    """

    name: str
    content: Any


def find_photos(source: Any) -> list[PhotoSource]:
    """List the photos that a source stands for.

    Args:
        source (Any): A file, a folder, which is searched with all folders
            below it, a pattern with ``*``, ``?`` or ``[]``, encoded bytes, a
            NumPy array, a PIL image, a torch tensor, or a list or tuple of
            these.  A tensor or an array of four axes is a list of photos.

    Returns:
        list[PhotoSource]: The photos; those of a folder or a pattern in the
        order of their names.

    Raises:
        PhotoError: If there is no such file, or the source is of a kind that
            holds no photos.
    """
    if not _is_list(source):
        return photos_of(source, 'photo 0')
    return [
        photo
        for i, item in enumerate(source)
        for photo in photos_of(item, f'photo {i}')
    ]


def holds_several(source: Any) -> bool:
    """Tell whether a source stands for a list, even if of one photo.

    Args:
        source (Any): See :func:`find_photos`.

    Returns:
        bool: Whether it is a list, an iterator, a folder or a pattern.
    """
    if not isinstance(source, (str, os.PathLike)):
        return _is_list(source) or isinstance(source, Iterator)
    # Unlike pathlib these never raise, however long the name.
    return os.path.isdir(source) or (
        not os.path.exists(source) and _is_pattern(Path(source))
    )


def read_photo(
    content: Any, name: str, channel_order: str = 'bgr'
) -> np.ndarray:
    """Read a photo, upright.

    Files are decoded as in training: turned as EXIF says, grey becomes BGR,
    16 bits become 8, transparency is dropped.

    Args:
        content (Any): A path; the bytes of an image file; an array (h, w),
            (h, w, 1), (h, w, 3) or (h, w, 4) of uint8, uint16, or floats
            either in [0, 1] or in [0, 255]; a PIL image; a torch tensor
            (3, h, w) or (1, h, w), RGB, of the same types.
        name (str): For messages.
        channel_order (str): Of arrays: ``'bgr'``, as OpenCV and MMDetection
            have it, or ``'rgb'``.

    Returns:
        np.ndarray: (h, w, 3) BGR, uint8.

    Raises:
        PhotoError: If it cannot be read or is no photo.
    """
    try:
        if isinstance(content, (str, os.PathLike)):
            photo = decode_image(Path(content).read_bytes())
        elif isinstance(content, (bytes, bytearray, memoryview)):
            photo = decode_image(bytes(content))
        elif isinstance(content, Image.Image):
            photo = _from_pil(content)
        elif isinstance(content, np.ndarray):
            photo = _from_array(content, channel_order)
        elif _is_tensor(content):
            photo = _from_tensor(content)
        else:
            raise TypeError(_unknown(content))
    except (*ABOUT_ONE_IMAGE, TypeError) as error:
        # The system's messages repeat the path.
        reason = getattr(error, 'strerror', None) or one_line(error)
        raise PhotoError(
            f'{name}: {reason or type(error).__name__}'
        ) from error
    return np.ascontiguousarray(photo)


def photos_of(source: Any, name: str) -> list[PhotoSource]:
    """List the photos of an item of a list.

    Args:
        source (Any): See :func:`find_photos`.
        name (str): Of a photo that is no file.

    Returns:
        list[PhotoSource]: The photos.

    Raises:
        PhotoError: As of :func:`find_photos`.
    """
    if _is_list(source):
        return find_photos(source)
    if not isinstance(source, (str, os.PathLike)):
        return [PhotoSource(name, source)]
    text = os.fspath(source)
    if _URL.match(text):
        raise PhotoError(f'{text}: is an address; download the photo first')
    path = Path(text)
    if os.path.isdir(text):
        files = sorted(_images_below(path))
        if not files:
            raise PhotoError(
                f'{text}: no images in this folder; they end in '
                f'{", ".join(IMAGE_SUFFIXES)}'
            )
    elif not os.path.exists(text) and _is_pattern(path):
        files = [
            Path(x)
            for x in sorted(glob.glob(text, recursive=True))
            if x.lower().endswith(IMAGE_SUFFIXES)
        ]
        if not files:
            raise PhotoError(f'{text}: no image has such a name')
    else:
        files = [path]
    return [PhotoSource(str(x), x) for x in files]


def _images_below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob('*'):
        hidden = any(x.startswith('.') for x in path.relative_to(folder).parts)
        image = path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
        if image and not hidden:
            yield path


def _is_pattern(path: Path) -> bool:
    return glob.has_magic(str(path))


def _is_list(source: Any) -> bool:
    """Whether a source is a list, or an array of several photos."""
    if isinstance(source, (list, tuple)):
        return True
    return (isinstance(source, np.ndarray) or _is_tensor(source)) and (
        source.ndim == 4
    )


def _is_tensor(content: Any) -> bool:
    """Whether something is a torch tensor, without importing torch."""
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
