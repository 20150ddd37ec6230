"""Label files of DARK FACE: a count, then x1 y1 x2 y2 for each face."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from mmsrn.structures.face_set import FaceSet, face_set

from .errors import AnnotationError

__all__ = ['label_files', 'parse_dark_face_label', 'read_dark_face_labels']

_COUNT = re.compile(r'[0-9]{1,9}')
_NUMBER = (
    r'[+-]?(?:[0-9]{1,15}\.?[0-9]{0,15}|\.[0-9]{1,15})(?:[eE][+-]?[0-9]{1,2})?'
)
_BOX = re.compile(rf'{_NUMBER}(?:\s+{_NUMBER}){{3}}')


def parse_dark_face_label(data: bytes, where: str) -> np.ndarray:
    """Parse one label file.

    Args:
        data (bytes): Its content; UTF-8, any line ends.
        where (str): Its path, for messages.

    Returns:
        np.ndarray: (k, 4) float64, x1 y1 x2 y2 in pixels.

    Raises:
        AnnotationError: If it is malformed: the published tool would take
            such an image as one without faces.
    """

    def fail(line: int, what: str):
        raise AnnotationError(
            f'{where}:{line}: {what}; compare with the original file'
        )

    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b'\n') + 1
        raise AnnotationError(
            f'{where}:{line}: not UTF-8; is this a label file?'
        ) from None
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        fail(1, 'expected the number of faces, found nothing')
    if not _COUNT.fullmatch(lines[0]):
        fail(1, f'expected the number of faces, found {lines[0][:60]!r}')
    count = int(lines[0])
    if count != len(lines) - 1:
        fail(1, f'{count} faces announced, {len(lines) - 1} lines follow')
    boxes = np.empty((count, 4))
    for i, line in enumerate(lines[1:]):
        if not _BOX.fullmatch(line):
            fail(i + 2, f'expected x1 y1 x2 y2, found {line[:60]!r}')
        boxes[i] = [float(x) for x in line.split()]
        if (boxes[i, 2:] < boxes[i, :2]).any():
            fail(
                i + 2,
                f'x2 y2 must not be less than x1 y1, found {line!r} (x y w h '
                'of the split lists?)',
            )
    return boxes


def read_dark_face_labels(folder: str | Path) -> FaceSet:
    """Read all label files of a folder; each one is an image to evaluate.

    Args:
        folder (str | Path): Folder of ``NAME.txt``.

    Returns:
        FaceSet: Setting ``ap``, images in the order of their names.

    Raises:
        AnnotationError: If there are none, or one is malformed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = 'is a file' if folder.exists() else 'no such folder'
        raise AnnotationError(
            f'{folder}: {what}; the ground truth is a folder of label files'
        )
    paths = sorted(label_files(folder), key=_by_number)
    if not paths:
        raise AnnotationError(f'{folder}: has no label file NAME.txt')
    names, faces = [], []
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise AnnotationError(
                f'{path}: cannot be read: {error.strerror}'
            ) from None
        names.append(path.stem)
        faces.append(parse_dark_face_label(data, str(path)))
    if len(set(names)) < len(names):
        twice = next(x for x in names if names.count(x) > 1)
        raise AnnotationError(f'{folder}: has two label files of {twice}')
    return face_set(
        names, faces, setting='ap', version=f'{len(names):,} label files'
    )


def label_files(folder: Path) -> list[Path]:
    """List the label files of a folder.

    Args:
        folder (Path): Folder of ``NAME.txt``, in small or capital letters.

    Returns:
        list[Path]: The files, by name; nothing hidden.

    Raises:
        AnnotationError: If the folder cannot be read.
    """
    try:
        names = os.listdir(folder)  # unlike glob, not silent
    except OSError as error:
        raise AnnotationError(
            f'{folder}: cannot be read: {error.strerror}'
        ) from None
    return [
        folder / x
        for x in sorted(names)
        if x.lower().endswith('.txt') and not x.startswith('.')
    ]


def _by_number(path: Path) -> tuple[int, str]:
    return (int(path.stem), '') if path.stem.isdecimal() else (-1, path.stem)
