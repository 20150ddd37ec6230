"""Read videos and cameras, detect faces in them, and write videos with boxes.

Needs only OpenCV and NumPy. Sound is not read or written.
"""

from __future__ import annotations

import os

# FFmpeg inside OpenCV writes about broken files to stderr, which a VideoError
# tells in one line.  It looks here once, when the first video is opened.
os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')

from .detect_faces import FrameFaces, detect_faces
from .reader import (
    VIDEO_SUFFIXES,
    Frame,
    VideoError,
    VideoReader,
    without_password,
)
from .writer import VideoWriter

__all__ = [
    'VIDEO_SUFFIXES',
    'Frame',
    'FrameFaces',
    'VideoError',
    'VideoReader',
    'VideoWriter',
    'detect_faces',
    'without_password',
]
