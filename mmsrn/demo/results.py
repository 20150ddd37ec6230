"""Faces as the page shows them: picture, table, one line."""

from __future__ import annotations

import cv2
import numpy as np

from mmsrn.apis import Faces
from mmsrn.apis.drawing import draw_faces

from .examination import face_sizes

__all__ = ['TABLE_HEADER', 'describe', 'draw', 'fit', 'table']

TABLE_HEADER = ('face', 'score', 'left', 'top', 'width', 'height')
#: Pixels of the long side of pictures: less blurs the lines on a page, more
#: is slow and not seen.
_LEAST, _MOST = 960, 1600
#: Pixels of such a picture that a label with sizes needs.
_WIDE = 100


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


def draw(faces: Faces) -> np.ndarray:
    """Draw the faces with their places in the table and their sizes.

    Args:
        faces (Faces): Of any photo.

    Returns:
        np.ndarray: RGB uint8 (h, w, 3), 960 to 1600 pixels long.
    """
    photo, zoom = fit(faces.photo)
    labels = [
        # On a small face a long label would hide its neighbours.
        f'{i}: {w} x {h}' if w * zoom >= _WIDE else str(i)
        for i, *_, w, h in table(faces)
    ]
    # The page shows it at about half its size.
    width = round(max(photo.shape[:2]) / 320)
    picture = draw_faces(
        photo, faces.boxes * zoom, faces.scores, labels, width
    )
    return picture[..., ::-1]


def table(faces: Faces) -> list[list[float]]:
    """Rows of the table.

    Args:
        faces (Faces): Of any photo.

    Returns:
        list[list[float]]: Values of :data:`TABLE_HEADER`, lengths in whole
        pixels.
    """
    corners = faces.boxes[:, :2].round().astype(int)
    sizes = (faces.boxes[:, 2:] - faces.boxes[:, :2]).round().astype(int)
    return [
        [i, round(float(score), 3), *corner, *size]
        for i, (score, corner, size) in enumerate(
            zip(faces.scores, corners.tolist(), sizes.tolist()), 1
        )
    ]


def describe(faces: Faces) -> str:
    """Say in one line what was found.

    Args:
        faces (Faces): Of any photo.

    Returns:
        str: Number and sizes of the faces, size of the photo, time.
    """
    sizes = face_sizes(faces)
    height, width = faces.photo.shape[:2]
    parts = [
        {0: 'No face', 1: '1 face'}.get(len(faces), f'{len(faces)} faces')
    ]
    if len(faces) == 1:
        parts[0] += f' of {sizes[0]:.0f} px'
    elif len(faces):
        parts[0] += f' of {sizes.min():.0f} to {sizes.max():.0f} px'
    parts.append(f'{faces.name}, {width} x {height} px')
    if faces.enhancement:
        parts.append(f'enhanced with {faces.enhancement}')
    seconds = faces.timing.get('enhance', 0) + faces.timing['detect']
    parts.append(f'{seconds:.2f} s')
    return ' · '.join(parts)
