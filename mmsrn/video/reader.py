"""Read the frames of a video file or a camera."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mmsrn.utils.opencv_log import set_log_level

__all__ = [
    'VIDEO_SUFFIXES',
    'Frame',
    'VideoError',
    'VideoReader',
    'without_password',
]

_ADDRESS = re.compile(r'[a-z][a-z0-9+.-]+://', re.IGNORECASE)

#: Names of videos end in one of these.
VIDEO_SUFFIXES = (
    *('.3gp', '.avi', '.flv', '.m2ts', '.m4v', '.mkv', '.mov', '.mp4'),
    *('.mpeg', '.mpg', '.mts', '.ogv', '.ts', '.webm', '.wmv'),
)
#: More frames in a second are the clock of the file, not its frame rate.
_MAX_FPS = 1000
#: Frames at the end of an intact file that players leave out, too.
_LEFT_OUT = 2


class VideoError(ValueError):
    """Error of a video that cannot be used, in one line with its name."""


class Frame(NamedTuple):
    """One frame of a video.

    Attributes:
        index (int): Index among the frames that can be decoded, from 0.
        time (float): Time in seconds: from the file, which is exact for
            variable frame rates too; for a camera, the time since the first
            frame.
        image (np.ndarray): BGR, uint8, (h, w, 3), upright.
    """

    index: int
    time: float
    image: np.ndarray


class VideoReader:
    """Iterates once over the frames of a video, one in memory at a time.

    Use it in a ``with`` statement. Frames are rotated as the file says.

    Args:
        source (str | PathLike | int): A file; the number of a camera, from
            0; or an address that FFmpeg opens, ``rtsp://`` of a camera or
            ``http://`` of a video.

    Attributes:
        name (str): The path or address without a password, or ``camera N``.
        is_live (bool): Whether the source is a local or network camera.
        fps (float): Frames per second; 0 if unknown.
        num_frames (int): Number of frames that the file announces, in some
            formats estimated from its length; 0 if unknown.

    Raises:
        VideoError: If the file or camera does not exist, or no frame can be
            read.

    Example:
        >>> from mmsrn.video import VideoReader
        >>> with VideoReader('clip.mp4') as video:  # doctest: +SKIP
        ...     for frame in video:
        ...         print(frame.index, frame.time, frame.image.shape)
    """

    def __init__(self, source: str | os.PathLike | int) -> None:
        is_camera = isinstance(source, int)
        self.name = f'camera {source}' if is_camera else os.fspath(source)
        in_network = not is_camera and _ADDRESS.match(self.name) is not None
        if not is_camera and not in_network:
            _check_file(self.name)
        self.name = without_password(self.name)
        self._capture = _open(source)
        if not self._capture.isOpened():
            self._fail(
                'no such camera, or another program uses it'
                if is_camera
                else 'no readable stream at this address; try it in a '
                'player, such as ffplay'
                if in_network
                else 'is not a video, has an unknown format, or is damaged'
            )
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps <= _MAX_FPS else 0.0
        count = _whole(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.is_live = is_camera or (in_network and count <= 0)
        self.num_frames = 0 if self.is_live else max(count, 0)
        self._start = 0.0
        self._last: Frame | None = None
        self._ended = False
        self._first = self._read()
        if self._first is None:
            self._fail('has no readable frame')

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        frame, self._first = self._first, None
        while frame is not None:
            yield frame
            frame = self._read()
        self._ended = True

    def close(self) -> None:
        """Close the file or the camera."""
        self._capture.release()

    @property
    def problem(self) -> str:
        """str: One line that says why the frames ended early.

        Empty if the video is complete or not read to its end.
        """
        if not self._ended:
            return ''
        read = self._last.index + 1
        if self.is_live:
            return f'{self.name}: stopped sending after {read} frames'
        if read + _LEFT_OUT >= self.num_frames or not self.fps:
            return ''
        # Where the rate varies, frames may be less than their number by the
        # length of the file, and farther apart.
        end, length = self._last.time, self.num_frames / self.fps
        apart = max(1 / self.fps, end / max(read - 1, 1))
        if end + (1 + _LEFT_OUT) * apart >= length:
            return ''
        return (
            f'{self.name}: ends at {end:.2f} of {length:.2f} s, the rest is '
            f'missing or damaged; the first {read} frames were used'
        )

    def _fail(self, reason: str) -> None:
        self.close()
        raise VideoError(f'{self.name}: {reason}')

    def _read(self) -> Frame | None:
        try:
            good, image = self._capture.read()
        except cv2.error:  # from damaged data
            return None
        if not good:
            return None
        index = 0 if self._last is None else self._last.index + 1
        self._last = Frame(index, self._time(index), image)
        return self._last

    def _time(self, index: int) -> float:
        now = time.monotonic()
        if not index:
            self._start = now
        if self.is_live:
            return now - self._start
        seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if not index:
            return max(seconds, 0.0)
        # Not every part of OpenCV that reads videos tells times.
        if seconds > self._last.time or not self.fps:
            return max(seconds, self._last.time)
        return self._last.time + 1 / self.fps


def without_password(address: str) -> str:
    """Remove user name and password from an address.

    Args:
        address (str): An address, or a path.

    Returns:
        str: The same without ``USER:PASSWORD@``.

    Example:
        >>> without_password('rtsp://me:secret@10.0.0.7/stream')
        'rtsp://10.0.0.7/stream'
    """
    return re.sub(r'^([a-z][a-z0-9+.-]+://)[^/]*@', r'\1', address, flags=re.I)


def _whole(number: float) -> int:
    return int(number) if math.isfinite(number) else 0


def _check_file(name: str) -> None:
    path = Path(name)
    if not path.exists():
        raise VideoError(f'{name}: no such file')
    if path.is_dir():
        raise VideoError(f'{name}: is a folder, not a video')
    try:
        with path.open('rb') as file:
            if path.is_file() and not file.read(1):
                raise VideoError(f'{name}: is empty')
    except OSError as error:
        raise VideoError(f'{name}: {error.strerror or error}') from error


def _open(source: str | os.PathLike | int) -> cv2.VideoCapture:
    backend = cv2.CAP_ANY
    # Other backends print their own messages about a broken file.
    has = cv2.videoio_registry.hasBackend
    if not isinstance(source, int) and has(cv2.CAP_FFMPEG):
        backend = cv2.CAP_FFMPEG
    # OpenCV logs several lines about a file that is missing.
    before = set_log_level(0)
    try:
        return cv2.VideoCapture(
            source if isinstance(source, int) else os.fspath(source), backend
        )
    finally:
        set_log_level(before)
