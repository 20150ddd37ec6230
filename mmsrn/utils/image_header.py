"""Size and orientation of an image, from the header of its file."""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

__all__ = [
    'MAX_PIXELS',
    'ImageHeader',
    'open_image',
    'read_header',
    'turn_upright',
]

#: Images of more pixels are refused before anything is decoded.
MAX_PIXELS = 2**28
_PIL = threading.Lock()
_ORIENTATION = ExifTags.Base.Orientation
_STORED_SIZE = (ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength)
_PNG_START = 8  # bytes before its first chunk
_BOX_TYPE = 4  # where files of the kind of MP4 say what they are
_HEIC = [
    b'ftyp' + x.encode()
    for x in 'heic heix heif heim heis hevc hevx mif1 msf1'.split()
]
#: What OpenCV decodes.  PIL knows more, and runs Ghostscript for one of them.
_FORMATS = (
    'AVIF', 'BMP', 'DIB', 'GIF', 'JPEG', 'JPEG2000', 'PNG', 'PPM', 'SUN',
    'TIFF', 'WEBP',
)  # fmt: skip
_MOST_EXIF = 1 << 24  # bytes


class ImageHeader(NamedTuple):
    """What a file says of its image.

    Attributes:
        width (int): Of the stored pixels.
        height (int): Of the stored pixels.
        orientation (int): How EXIF turns them, 1 to 8; 1 is upright.
        format (str): As PIL calls it: ``'JPEG'``, ``'PNG'`` ...
    """

    width: int
    height: int
    orientation: int
    format: str

    @property
    def size(self) -> tuple[int, int]:
        """tuple[int, int]: Width and height of the upright image."""
        if self.orientation >= 5:
            return self.height, self.width
        return self.width, self.height


def read_header(source: str | Path | bytes) -> ImageHeader:
    """Read only the header of an image file.

    Args:
        source (str | Path | bytes): The file, or its content.

    Returns:
        ImageHeader: Size and orientation.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is not an image, or has more than ``MAX_PIXELS``.
    """
    if isinstance(source, bytes):
        return _read(io.BytesIO(source))
    with open(source, 'rb') as file:
        return _read(file)


@contextmanager
def open_image(file: BinaryIO) -> Iterator[Image.Image]:
    """Open an image with PIL, of any size, one thread at a time.

    ``MAX_PIXELS`` is the limit here, and PIL warns from a smaller one on.

    Args:
        file (BinaryIO): The file, in a format that OpenCV decodes too.

    Yields:
        Image.Image: The image, not decoded.
    """
    with _PIL:  # its limit is that of all threads
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            Image.init()
            known = [x for x in _FORMATS if x in Image.OPEN]
            yield Image.open(file, formats=known)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _read(file: BinaryIO) -> ImageHeader:
    try:
        with open_image(file) as image:
            pass
    except UnidentifiedImageError:
        file.seek(_BOX_TYPE)
        if file.read(8) in _HEIC:
            raise ValueError(
                'is HEIC, which OpenCV cannot decode; save it as JPEG'
            ) from None
        raise ValueError('is not an image, or has an unknown format') from None
    except OSError:
        raise
    except Exception as error:  # a damaged header may raise anything
        raise ValueError(
            f'is not a readable image ({type(error).__name__}: {error})'
        ) from None
    width, height = _stored_size(image)
    if width * height > MAX_PIXELS:
        raise ValueError(
            f'has {width} x {height} pixels, more than the limit of '
            f'{MAX_PIXELS:,}; resize it or cut it into parts'
        )
    return ImageHeader(
        width, height, _orientation(image, file), image.format or ''
    )


def _stored_size(image: Image.Image) -> tuple[int, int]:
    # PIL turns TIFF files by itself.
    tags = getattr(image, 'tag_v2', {})
    sides = [tags.get(tag) for tag in _STORED_SIZE]
    if image.format == 'TIFF' and all(isinstance(x, int) for x in sides):
        return tuple(sides)
    return image.size


def _orientation(image: Image.Image, file: BinaryIO) -> int:
    if image.format == 'TIFF':
        found = image.tag_v2.get(_ORIENTATION)
    else:
        # Not image.getexif(), which decodes PNG files and looks at XMP.
        data = image.info.get('exif')
        if image.format == 'PNG' and data is None:
            data = _late_exif(file)
        exif = Image.Exif()
        try:
            exif.load(data)
            found = exif.get(_ORIENTATION)
        except Exception:  # damaged: viewers show such images as they are
            found = None
    return found if found in range(1, 9) else 1


def _late_exif(file: BinaryIO) -> bytes | None:
    """EXIF data of a PNG file that stand behind its pixels."""
    file.seek(_PNG_START)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack('>I4s', head)
        if kind == b'eXIf':
            return file.read(min(length, _MOST_EXIF))
        if kind == b'IEND':
            break
        file.seek(length + 4, io.SEEK_CUR)  # a checksum
    return None


def turn_upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn stored pixels as EXIF says.

    Args:
        image (np.ndarray): (h, w) or (h, w, c).
        orientation (int): 1 to 8.

    Returns:
        np.ndarray: Of the same type, contiguous.
    """
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)
