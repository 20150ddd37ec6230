"""Write a video file frame by frame."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from mmsrn.utils.atomic_file import atomic_file

__all__ = ['VideoWriter']

#: What OpenCV from PyPI can encode, and nearly every player decode.
_CODECS = {'.mp4': 'mp4v', '.avi': 'MJPG'}


class VideoWriter:
    """Writes frames of one size to a video without sound.

    Use it in a ``with`` statement. The file appears when the block ends
    without an exception; an old file stays until then. Codecs need even sides:
    an odd side gets one more row or column, a copy of the last.

    Args:
        path (str | Path): ``.mp4`` (MPEG-4) or ``.avi`` (Motion JPEG). A
            missing folder is created.
        fps (float): Frames per second.

    Raises:
        ValueError: If the suffix or the rate is invalid.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with VideoWriter(Path(folder, 'a.mp4'), fps=25) as video:
        ...         for grey in range(3):
        ...             video.write(np.full((48, 64, 3), grey, np.uint8))
        ...     print(video.num_frames)
        3
    """

    def __init__(self, path: str | Path, fps: float) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in _CODECS:
            raise ValueError(
                f'{path}: the name of a video must end in '
                f'{" or ".join(_CODECS)}'
            )
        if not fps > 0:
            raise ValueError(f'{path}: fps={fps} must be above 0')
        self.fps = fps
        self.num_frames = 0
        self._size: tuple[int, int] | None = None
        self._writer = cv2.VideoWriter()
        self._stack = ExitStack()

    def __enter__(self) -> VideoWriter:
        self._partial = self._stack.enter_context(atomic_file(self.path))
        return self

    def __exit__(self, kind: type | None, *args: object) -> None:
        self._writer.release()
        if kind is not None:
            self._stack.__exit__(kind, *args)  # removes what is there
            return
        with self._stack:
            self._check()

    def write(self, image: np.ndarray, time: float | None = None) -> None:
        """Append a frame.

        Args:
            image (np.ndarray): BGR, uint8, (h, w, 3).
            time (float, optional): Time of the frame in seconds from the
                start. The frame is repeated or dropped to keep the time of
                frames without a fixed rate. By default it is the next frame.

        Raises:
            OSError: If the video cannot be written.
        """
        height, width = image.shape[:2]
        image = cv2.copyMakeBorder(
            image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE
        )
        if self._size is None:
            self._size = image.shape[1::-1]
            self._open()
        if image.shape[1::-1] != self._size:
            # OpenCV would leave it out in silence.
            image = cv2.resize(image, self._size)
        times = 1
        if time is not None:
            times = max(round(time * self.fps) + 1 - self.num_frames, 0)
        for _ in range(times):
            self._writer.write(image)
        self.num_frames += times

    def _open(self) -> None:
        codec = cv2.VideoWriter_fourcc(*_CODECS[self.path.suffix.lower()])
        self._writer.open(
            os.fspath(self._partial), codec, self.fps, self._size
        )
        if not self._writer.isOpened():
            raise OSError(
                f'{self.path}: cannot be written: no permission, no space, or '
                'OpenCV has no encoder (that of PyPI, opencv-python, has it)'
            )

    def _check(self) -> None:
        """Raise OSError if not all frames are there: OpenCV never tells."""
        written = cv2.VideoCapture(os.fspath(self._partial))
        count = written.get(cv2.CAP_PROP_FRAME_COUNT)
        # The header of .avi announces what did not fit on the disk, too.
        written.set(cv2.CAP_PROP_POS_FRAMES, self.num_frames - 1)
        whole = count == self.num_frames > 0 and written.read()[0]
        written.release()
        if not whole:
            raise OSError(
                f'{self.path}: cannot be written: some of the '
                f'{self.num_frames} frames are missing; is the disk full?'
            )
