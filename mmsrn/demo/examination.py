"""What the detector finds in a photo, kept for the page's controls."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import cv2
import numpy as np

from mmsrn.apis import Faces, PhotoError
from mmsrn.apis.face_detector import FaceDetector
from mmsrn.utils.image_files import ABOUT_ONE_IMAGE
from mmsrn.utils.image_header import read_header

__all__ = [
    'LOWEST_SCORE',
    'MAX_PIXELS',
    'SCALES',
    'ReducedFaces',
    'examine',
    'face_sizes',
    'fit',
    'reduce_photo',
    'select_faces',
]

#: Detections below are not kept, so the threshold cannot be lower.
LOWEST_SCORE = 0.05
#: Photos of more pixels are refused before they are decoded: others wait.
MAX_PIXELS = 50_000_000
#: Pixels of the long side of pictures: less blurs the lines on a page, more
#: is slow and not seen.
_LEAST, _MOST = 960, 1600
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


@dataclasses.dataclass(frozen=True, eq=False)
class ReducedFaces(Faces):
    """Faces with no more of the photo than a page shows.

    Attributes:
        full_size (tuple[int, int]): Width and height of the photo itself, of
            which the boxes are.
    """

    full_size: tuple[int, int] = (0, 0)

    @property
    def size(self) -> tuple[int, int]:
        """tuple[int, int]: Width and height of the photo itself."""
        return self.full_size


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
        PhotoError: If it is no photo, or has more than :data:`MAX_PIXELS`;
            names the file without folders.
    """
    # A copy shares the network; others may use the detector at this time.
    detector = copy.copy(detector)
    detector.score_thr, detector.min_size = LOWEST_SCORE, 0
    detector.scale, detector.enhance = scale, enhance
    name = Path(path).name
    _check_size(path, name)
    try:
        faces = detector.detect(path)
    except PhotoError as error:
        # The folder is one of gradio's and says nothing to the user.
        raise PhotoError(str(error).replace(str(path), name)) from error
    return dataclasses.replace(faces, name=name)


def reduce_photo(faces: Faces) -> ReducedFaces:
    """Leave out what of a photo no page shows.

    Args:
        faces (Faces): From :func:`examine`.

    Returns:
        ReducedFaces: The same faces.
    """
    fields = {
        x.name: getattr(faces, x.name) for x in dataclasses.fields(faces)
    }
    fields['photo'] = fit(faces.photo)[0]
    return ReducedFaces(**fields, full_size=faces.size)


def fit(photo: np.ndarray) -> tuple[np.ndarray, float]:
    """Make a photo as large as a page shows it.

    Args:
        photo (np.ndarray): uint8 (h, w, 3).

    Returns:
        tuple[np.ndarray, float]: The photo, 960 to 1600 pixels long, and its
        size relative to before.
    """
    longest = max(photo.shape[:2])
    zoom = min(max(longest, _LEAST), _MOST) / longest
    if zoom == 1:
        return photo, zoom
    size = [max(round(x * zoom), 1) for x in photo.shape[1::-1]]
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    return cv2.resize(photo, size, interpolation=how), zoom


def _check_size(path: str, name: str) -> None:
    try:
        width, height = read_header(path).size
    except ABOUT_ONE_IMAGE:
        return  # the detector says what is wrong with it
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f'{name}: has {width} x {height} pixels; this page takes up to '
            f'{MAX_PIXELS // 10**6} million'
        )


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
