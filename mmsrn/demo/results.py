"""Faces as the page shows them: picture, table, one line."""

from __future__ import annotations

import numpy as np

from mmsrn.apis import Faces
from mmsrn.apis.drawing import draw_faces

from .examination import face_sizes, fit

__all__ = ['TABLE_HEADER', 'describe', 'draw', 'table']

TABLE_HEADER = ('face', 'score', 'left', 'top', 'width', 'height')
#: Pixels of such a picture that a label with sizes needs.
_WIDE = 100


def draw(faces: Faces) -> np.ndarray:
    """Draw the faces with their places in the table and their sizes.

    Args:
        faces (Faces): Of any photo.

    Returns:
        np.ndarray: RGB uint8 (h, w, 3), 960 to 1600 pixels long.
    """
    photo, _ = fit(faces.photo)
    zoom = max(photo.shape[:2]) / max(faces.size)
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
    width, height = faces.size
    parts = [
        {0: 'No face', 1: '1 face'}.get(len(faces), f'{len(faces)} faces')
    ]
    if len(faces) == 1:
        parts[0] += f' of {sizes[0]:.0f} px'
    elif len(faces):
        parts[0] += f' of {sizes.min():.0f} to {sizes.max():.0f} px'
    parts.append(f'{faces.name}, {width} x {height} px')
    if faces.incomplete:
        parts.append('incomplete')
    if faces.enhancement:
        parts.append(f'enhanced with {faces.enhancement}')
    seconds = faces.timing.get('enhance', 0) + faces.timing['detect']
    parts.append(f'{seconds:.2f} s')
    return ' · '.join(parts)
