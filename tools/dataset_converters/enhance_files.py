"""What the processes of enhance_dataset.py do with each image."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mmsrn.enhance import make_enhancer
from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.one_line import one_line

SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff')
_JPEG = ('.jpg', '.jpeg')
_LOSSLESS_WEBP = 101

_enhance: Callable[[np.ndarray], np.ndarray]


def start(method: str, params: dict) -> None:
    """Prepare a process: one thread, no life without its parent.

    Args:
        method (str): A key of :data:`mmsrn.enhance.METHODS`.
        params (dict): Its parameters.
    """
    global _enhance
    cv2.setNumThreads(1)
    Image.MAX_IMAGE_PIXELS = None  # a limit for pictures from the web
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the run
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
    _enhance = make_enhancer(method, **params)


def read_image(path: Path) -> np.ndarray:
    """Read an image as mmcv does, grey ones as (h, w).

    Args:
        path (Path): The file.

    Returns:
        np.ndarray: (h, w) or (h, w, 3) BGR, uint8, turned as EXIF says.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no image, or an incomplete one.
    """
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as file:
        file.load()  # OpenCV fills what is missing with grey
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR)
    if image is None:
        raise ValueError('OpenCV cannot decode it')
    return image


def enhance_file(source: Path, target: Path, quality: int) -> str | None:
    """Enhance one image.

    Args:
        source (Path): The image.
        target (Path): File to make, of the same suffix.
        quality (int): Of JPEG, 1 to 100.

    Returns:
        str, optional: What is wrong with the image; None if all is well.

    Raises:
        OSError: If ``target`` cannot be written.
    """
    try:
        image = read_image(source)
    except (OSError, SyntaxError, ValueError, cv2.error) as error:
        return f'{source}: {one_line(error) or type(error).__name__}'
    suffix = target.suffix.lower()
    options: list[int] = []
    if suffix in _JPEG:
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    elif suffix == '.webp':
        options = [cv2.IMWRITE_WEBP_QUALITY, _LOSSLESS_WEBP]
    # Not cv2.imwrite: it is silent about full disks.
    data = cv2.imencode(suffix, _enhance(image), options)[1].tobytes()
    with atomic_file(target) as partial:
        partial.write_bytes(data)
    return None
