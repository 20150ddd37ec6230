"""What the detector finds in a photo, kept for the page's controls."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np

from mmsrn.apis import Faces, PhotoError
from mmsrn.apis.face_detector import FaceDetector

__all__ = ['LOWEST_SCORE', 'SCALES', 'examine', 'face_sizes', 'select_faces']

#: Detections below are not kept, so the threshold cannot be lower.
LOWEST_SCORE = 0.05
#: What the page calls the scales of ``FaceDetector``.
SCALES: dict[str, int | str | list[int]] = {
    '320 px': 320,
    '640 px': 640,
    '960 px': 960,
    '1280 px': 1280,
    '1920 px': 1920,
    'original size': 'original',
    'multi-scale: 320, 640, 1280 px': [320, 640, 1280],
}


def examine(
    detector: FaceDetector,
    path: str,
    scale: int | str | list[int],
    enhance: str,
) -> Faces:
    """Find all faces of a photo that any setting of the page may show.

    Args:
        detector (FaceDetector): It is not changed.
        path (str): File of the photo.
        scale (int | str | list[int]): As of ``FaceDetector``.
        enhance (str): As of ``FaceDetector``.

    Returns:
        Faces: All with a score of at least :data:`LOWEST_SCORE`, of any size.
        Their name is that of the file, without folders.

    Raises:
        PhotoError: If it is no photo; names the file without folders.
    """
    # A copy shares the network; others may use the detector at this time.
    detector = copy.copy(detector)
    detector.score_thr, detector.min_size = LOWEST_SCORE, 0
    detector.scale, detector.enhance = scale, enhance
    name = Path(path).name
    try:
        faces = detector.detect(path)
    except PhotoError as error:
        # The folder is one of gradio's and says nothing to the user.
        raise PhotoError(str(error).replace(str(path), name)) from error
    return dataclasses.replace(faces, name=name)


def select_faces(faces: Faces, score_thr: float, min_size: float) -> Faces:
    """Take those that the controls ask for, without the network.

    Args:
        faces (Faces): From :func:`examine`.
        score_thr (float): Lowest score.
        min_size (float): Smallest face in pixels of the photo, square root of
            the area.

    Returns:
        Faces: The same photo with fewer faces.
    """
    sides = face_sizes(faces)
    keep = (faces.scores >= score_thr) & (sides >= min_size)
    return dataclasses.replace(
        faces, boxes=faces.boxes[keep], scores=faces.scores[keep]
    )


def face_sizes(faces: Faces) -> np.ndarray:
    """Measure faces.

    Args:
        faces (Faces): Of any photo.

    Returns:
        np.ndarray: (n,), square root of the area in pixels of the photo.
    """
    sides = faces.boxes[:, 2:] - faces.boxes[:, :2]
    return np.sqrt(sides.prod(1))
