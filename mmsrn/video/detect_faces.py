"""The faces of a video, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from .reader import VideoReader

if TYPE_CHECKING:
    from mmsrn.apis import FaceDetector, Faces

__all__ = ['FrameFaces', 'detect_faces']


@dataclass(frozen=True)
class FrameFaces:
    """The faces of a frame.

    Attributes:
        frame (int): Index of the frame, from 0.
        time (float): Time of the frame in seconds.
        faces (Faces): Its faces, with the name of the video.
    """

    frame: int
    time: float
    faces: Faces

    def to_dict(self) -> dict[str, Any]:
        """Return a dict that json can write.

        Returns:
            dict: ``Faces.to_dict()`` with ``frame`` and ``time`` after the
            name.
        """
        content = self.faces.to_dict()
        name = content.pop('name')
        return dict(
            name=name, frame=self.frame, time=round(self.time, 6), **content
        )


def detect_faces(
    detector: FaceDetector, video: VideoReader, max_frames: int | None = None
) -> Iterator[FrameFaces]:
    """Find the faces of each frame of a video.

    At most ``batch_size`` frames are in memory; a camera gives one at a time.

    Args:
        detector (FaceDetector): With ``channel_order='bgr'``.
        video (VideoReader): The video or camera.
        max_frames (int, optional): Number of frames to process. By default
            all.

    Yields:
        FrameFaces: The faces of each frame.

    Raises:
        ValueError: If the detector has another channel order.

    Example:
        >>> from mmsrn import FaceDetector
        >>> from mmsrn.video import VideoReader, detect_faces
        >>> detector = FaceDetector()  # doctest: +SKIP
        >>> with VideoReader('clip.mp4') as video:  # doctest: +SKIP
        ...     for found in detect_faces(detector, video):
        ...         print(found.frame, found.time, len(found.faces))
    """
    if detector.channel_order != 'bgr':
        raise ValueError("frames are BGR; set channel_order='bgr'")
    frames = islice(video, max_frames)
    size = 1 if video.is_live else detector.batch_size
    while batch := list(islice(frames, size)):
        found = detector.detect([x.image for x in batch])
        for frame, faces in zip(batch, found):
            faces = replace(faces, name=video.name)
            yield FrameFaces(frame.index, frame.time, faces)
