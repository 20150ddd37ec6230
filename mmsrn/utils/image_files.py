"""Images in files: read as training does, processed, written whole."""

from __future__ import annotations

import io
import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.one_line import one_line

__all__ = [
    'ABOUT_ONE_IMAGE',
    'IMAGE_SUFFIXES',
    'decode_image',
    'process_image',
    'read_image',
    'start_worker',
]

#: Names of images end in one of these.
IMAGE_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')
_LOSSLESS_WEBP = 101
_PIL = threading.Lock()
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


def read_image(path: Path, grey: bool = False) -> np.ndarray:
    """Read an image as mmcv does; damaged files are refused.

    Args:
        path (Path): The file.
        grey (bool): Leave grey images grey.

    Returns:
        np.ndarray: (h, w, 3) BGR, or (h, w), uint8, turned as EXIF says.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no image, or an incomplete one.
    """
    return decode_image(path.read_bytes(), grey)


def decode_image(data: bytes, grey: bool = False) -> np.ndarray:
    """Decode an image file's content as mmcv does; damage is refused.

    Args:
        data (bytes): Content of the file.
        grey (bool): Leave grey images grey.

    Returns:
        np.ndarray: (h, w, 3) BGR, or (h, w), uint8, turned as EXIF says.

    Raises:
        OSError: If it is incomplete.
        ValueError: If it is no image.
    """
    with _PIL:  # its limit is that of all threads
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None  # a limit for pictures from the web
        try:
            with Image.open(io.BytesIO(data)) as file:
                file.load()  # OpenCV fills what is missing with grey
        except UnidentifiedImageError:
            raise ValueError('is no image, or of an unknown format') from None
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    flag = cv2.IMREAD_ANYCOLOR if grey else cv2.IMREAD_COLOR
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    if image is None:
        raise ValueError('OpenCV cannot decode it')
    return image


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
    options: list[int] = []
    if suffix in ('.jpg', '.jpeg'):
        options = [
            *(cv2.IMWRITE_JPEG_QUALITY, jpeg_quality),
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ]
    elif suffix == '.webp':
        options = [cv2.IMWRITE_WEBP_QUALITY, _LOSSLESS_WEBP]
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
