"""A picture of labelled photos, to look at before training."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from mmsrn.apis.photos import PhotoError, read_photo
from mmsrn.apis.views import resize

from .rule import Labels

__all__ = ['SHEET_PHOTOS', 'contact_sheet']

#: Most photos of a sheet, which has six in a row.
SHEET_PHOTOS = 24
_COLUMNS = 6
_SIDE, _TEXT = 400, 18  # pixels of a cell, and of the line below its photo
_SURE, _UNSURE = (90, 220, 40), (0, 140, 255)  # BGR


def contact_sheet(
    photos: Mapping[str, Path], labels: Mapping[str, Labels], seed: int = 0
) -> np.ndarray:
    """Draw photos, chosen at random, with their faces.

    Sure faces are green, unsure ones orange.

    Args:
        photos (Mapping[str, Path]): Files by name.
        labels (Mapping[str, Labels]): Faces by name.
        seed (int): Of the choice.

    Returns:
        np.ndarray: The picture, BGR uint8.
    """
    names = sorted(labels)
    names = random.Random(seed).sample(names, min(SHEET_PHOTOS, len(names)))
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    sheet = np.full((rows * (_SIDE + _TEXT), columns * _SIDE, 3), 24, np.uint8)
    for place, name in enumerate(sorted(names)):
        row, column = divmod(place, columns)
        top, left = row * (_SIDE + _TEXT), column * _SIDE
        cell = sheet[top : top + _SIDE + _TEXT, left : left + _SIDE]
        _draw(cell, name, photos[name], labels[name])
    return sheet


def _draw(cell: np.ndarray, name: str, path: Path, labels: Labels) -> None:
    try:
        photo = read_photo(path, name)
    except PhotoError:  # it was there a moment ago
        return
    small = resize(photo, _SIDE - 4)
    factor = np.array(small.shape[1::-1]) / photo.shape[1::-1]
    # Sure ones last, on top.
    for i in np.argsort(labels.sure, kind='stable'):
        x, y, width, height = labels.boxes[i]
        cv2.rectangle(
            small,
            np.rint((x, y) * factor).astype(int).tolist(),
            np.rint((x + width, y + height) * factor).astype(int).tolist(),
            _SURE if labels.sure[i] else _UNSURE,
            1,
        )
    cell[: small.shape[0], : small.shape[1]] = small
    sure = int(labels.sure.sum())
    count = f'{sure}+{len(labels.sure) - sure} '
    text = count + name[-44:].encode('ascii', 'replace').decode()
    cv2.putText(
        *(cell, text, (2, _SIDE + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.42),
        *((255, 255, 255), 1, cv2.LINE_AA),
    )
