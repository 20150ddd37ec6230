"""Images in files: read as training does, processed, written whole."""

from __future__ import annotations

import io
import multiprocessing
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.image_header import (
    MAX_PIXELS,
    open_image,
    read_header,
    turn_upright,
)
from mmsrn.utils.one_line import one_line

__all__ = [
    'ABOUT_ONE_IMAGE',
    'IMAGE_SUFFIXES',
    'decode_image',
    'decode_incomplete_jpeg',
    'process_image',
    'read_bytes',
    'read_image',
    'start_worker',
]

_JPEG = ('.jfif', '.jpe', '.jpeg', '.jpg', '.mpo')
#: Names of images end in one of these, in small or capital letters.
IMAGE_SUFFIXES = (
    *_JPEG,
    '.avif',
    '.bmp',
    '.gif',
    '.jp2',
    '.pgm',
    '.png',
    '.ppm',
    '.tif',
    '.tiff',
    '.webp',
)
_LOSSLESS = {
    '.avif': [cv2.IMWRITE_AVIF_QUALITY, 100],
    '.webp': [cv2.IMWRITE_WEBP_QUALITY, 101],
}
#: What the reading or the processing of one image may raise.
# PIL raises SyntaxError on broken PNG files; RuntimeError is, among others,
# PyTorch's want of memory.
ABOUT_ONE_IMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    MemoryError,
    OverflowError,
    RuntimeError,
    cv2.error,
)

#: Of a file: as many as ``MAX_PIXELS`` of three 32-bit channels.
MOST_BYTES = 12 * MAX_PIXELS
_CHUNK = 1 << 20  # bytes read from a pipe at once

#: Takes an image and its name, and returns an image.
ImageFunction = Callable[[np.ndarray, str], np.ndarray]


def start_worker() -> None:
    """Prepare a process: one thread, no life without its parent."""
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def read_bytes(path: str | Path) -> bytes:
    """Read an image file as a whole.

    Args:
        path (str | Path): The file, or a pipe.

    Returns:
        bytes: Its content.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no file, or larger than any image.
    """
    with open(path, 'rb') as file:
        kind = os.fstat(file.fileno())
        if stat.S_ISREG(kind.st_mode):
            data = file.read() if kind.st_size <= MOST_BYTES else None
        elif stat.S_ISFIFO(kind.st_mode):
            data = bytearray()
            while len(data) <= MOST_BYTES and (part := file.read(_CHUNK)):
                data += part
        else:
            raise ValueError('is neither a file nor a pipe')
    if data is None or len(data) > MOST_BYTES:
        raise ValueError(
            f'has more than {MOST_BYTES >> 20:,} MiB, which is no photo'
        )
    return bytes(data)


def read_image(path: Path, grey: bool = False) -> np.ndarray:
    """Read an image as training does; damaged files are refused.

    Args:
        path (Path): The file.
        grey (bool): Leave grey images grey.

    Returns:
        np.ndarray: (h, w, 3) BGR, or (h, w), uint8, upright.

    Raises:
        OSError: If it cannot be read, or is incomplete.
        ValueError: See :func:`decode_image`.
    """
    return decode_image(read_bytes(path), grey)


def decode_image(
    data: bytes, grey: bool = False, check: bool = True
) -> np.ndarray:
    """Decode an image file's content: all that reads images does it so.

    Pixels are those of OpenCV, turned as EXIF says in every format that has
    it.

    Args:
        data (bytes): Content of the file.
        grey (bool): Leave grey images grey.
        check (bool): Refuse damage that OpenCV is silent about, which takes
            the time of a second decoding.

    Returns:
        np.ndarray: (h, w, 3) BGR, or (h, w), uint8, upright.

    Raises:
        OSError: If it is incomplete.
        ValueError: If it is no image or a damaged one, or has more than
            ``mmsrn.utils.image_header.MAX_PIXELS``.
    """
    header = read_header(data)
    flag = cv2.IMREAD_ANYCOLOR if grey else cv2.IMREAD_COLOR
    flag |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        if check:
            with open_image(io.BytesIO(data)) as file:
                file.load()  # OpenCV fills what is missing with grey
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except (MemoryError, OSError):
        raise
    except Exception as error:  # a damaged file may raise anything
        raise ValueError(f'is damaged: {one_line(error, 120)}') from error
    if image is None:
        raise ValueError('OpenCV cannot decode it')
    # OpenCV turns TIFF files in any case.
    if header.format == 'TIFF':
        return image
    return turn_upright(image, header.orientation)


def decode_incomplete_jpeg(data: bytes) -> np.ndarray:
    """Decode what there is of a JPEG file whose end is missing.

    Args:
        data (bytes): Content of the file.

    Returns:
        np.ndarray: (h, w, 3) BGR, uint8, upright; grey where it is missing.

    Raises:
        ValueError: If it is no JPEG file, or its header is missing too.
    """
    if read_header(data).format not in ('JPEG', 'MPO'):
        raise ValueError('is incomplete')
    return decode_image(data + b'\xff\xd9', check=False)


def process_image(
    src: Path,
    dst: Path,
    name: str,
    function: ImageFunction,
    jpeg_quality: int,
    grey: bool,
) -> str | None:
    """Process one image of a folder.

    Args:
        src (Path): Folder of the image.
        dst (Path): Folder of the result.
        name (str): Path of both below their folders.
        function (Callable): See ``process_folder``.
        jpeg_quality (int): 1 to 100; colours are not sub-sampled, and all
            other formats lose nothing.
        grey (bool): Hand grey images over as (h, w).

    Returns:
        str, optional: What is wrong with the image; None if all is well.

    Raises:
        OSError: If the result cannot be written.
    """
    try:
        result = function(read_image(src / name, grey), name)
    except ABOUT_ONE_IMAGE as error:
        # A former result would be taken for that of this image.
        (dst / name).unlink(missing_ok=True)
        return one_line(error) or type(error).__name__
    suffix = Path(name).suffix.lower()
    options = _LOSSLESS.get(suffix, [])
    if suffix in _JPEG:
        suffix = '.jpg'
        options = [
            *(cv2.IMWRITE_JPEG_QUALITY, jpeg_quality),
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ]
    # Not cv2.imwrite: it is silent about full disks.
    fine, data = cv2.imencode(suffix, result, options)
    if not fine:
        return f'the result cannot be encoded as {suffix}'
    try:
        with atomic_file(dst / name) as partial:
            partial.write_bytes(data.tobytes())
    except OSError as error:  # the system does not name full disks' files
        raise OSError(f'{dst / name}: {error.strerror or error}') from error
    return None
