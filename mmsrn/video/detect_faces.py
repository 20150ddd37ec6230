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
        time (float): When it is shown, in seconds.
        faces (Faces): Its faces, with the name of the video.
    """

    frame: int
    time: float
    faces: Faces

    def to_dict(self) -> dict[str, Any]:
        """Make a dict that json can write.

        Returns:
            dict: That of the faces, with ``frame`` and ``time`` after the
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
    """Find the faces of one frame after the other.

    The detector gets ``batch_size`` frames at once, of a camera always one,
    and no more are held.

    Args:
        detector (FaceDetector): With ``channel_order='bgr'``.
        video (VideoReader): The video or camera.
        max_frames (int, optional): Frames to look at; None: all.

    Yields:
        FrameFaces: Those of a frame.

    Raises:
        ValueError: If the detector takes other channels.

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
