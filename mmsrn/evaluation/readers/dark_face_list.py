"""Split lists of DARK FACE: one line per image, with its faces.

Published lists have lines of ``name count`` and ``x y w h 1`` for each face.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mmsrn.structures.face_set import FaceSet, face_set
from mmsrn.utils.text_data import decode_text

from .dark_face_labels import read_dark_face_labels
from .errors import AnnotationError

__all__ = ['read_dark_face', 'read_dark_face_list', 'read_dark_face_names']

_NAME = re.compile(r'[^\s/\\]+')
_COUNT = re.compile(r'[0-9]{1,9}')
_NUMBER = r'[0-9]{1,9}(?:\.[0-9]{1,9})?'
# Boxes may begin outside the image.
_FACE = re.compile(f'(?:-?{_NUMBER} ){{2}}(?:{_NUMBER} ){{2}}1')


def read_dark_face(path: str | Path) -> FaceSet:
    """Read annotations of either layout.

    Args:
        path (str | Path): Folder of label files, or a split list.

    Returns:
        FaceSet: See :func:`read_dark_face_labels`,
        :func:`read_dark_face_list`.

    Raises:
        AnnotationError: If it is missing or malformed.
    """
    if Path(path).is_file():
        return read_dark_face_list(path)
    return read_dark_face_labels(path)


def read_dark_face_list(path: str | Path) -> FaceSet:
    """Read a split list.

    Args:
        path (str | Path): File of lines ``name count``, then ``x y w h 1``
            for each face, in pixels; UTF-8, any line ends.

    Returns:
        FaceSet: Setting ``ap``, corners x, y, x + w, y + h, images without
        suffix and in the order of the list.

    Raises:
        AnnotationError: If it is missing or malformed.
    """
    names, faces = [], []
    for number, (name, *words) in enumerate(_read_lines(path), 1):

        def fail(what: str, at=f'{path}:{number}'):
            raise AnnotationError(
                f'{at}: {what}; compare with the original list'
            )

        if not words or not _COUNT.fullmatch(words[0]):
            found = words[0] if words else 'nothing'
            fail(f'expected a number of faces after {name}, found {found!r}')
        count, values = int(words[0]), words[1:]
        if len(values) != 5 * count:
            fail(
                f'{count} faces announced, which are {5 * count} numbers, '
                f'{len(values)} follow'
            )
        for start in range(0, len(values), 5):
            face = ' '.join(values[start : start + 5])
            if not _FACE.fullmatch(face):
                fail(
                    f'expected x y w h 1 for face {start // 5 + 1}, found '
                    f'{face[:60]!r}'
                )
        boxes = np.array(values, np.float64).reshape(-1, 5)[:, :4]
        boxes[:, 2:] += boxes[:, :2]
        names.append(name)
        faces.append(boxes)
    return face_set(
        names, faces, setting='ap', version=f'list {Path(path).name}'
    )


def read_dark_face_names(path: str | Path) -> list[str]:
    """Read the images of a list.

    Args:
        path (str | Path): A split list, or any file of lines that begin with
            the name of an image.

    Returns:
        list[str]: The names without suffix, in the order of the list.

    Raises:
        AnnotationError: If it is missing or empty, or a line has no name or a
            repeated one.
    """
    return [name for name, *_ in _read_lines(path)]


def _read_lines(path: str | Path) -> list[list[str]]:
    """Words of each line; the first is a name, made free of its suffix."""
    path = Path(path)
    try:
        text = decode_text(path.read_bytes())
    except FileNotFoundError:
        raise AnnotationError(f'{path}: no such list of images') from None
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f'{path}: byte {error.start} is not UTF-8; is this a list of '
            'images?'
        ) from None
    except OSError as error:
        raise AnnotationError(
            f'{path}: cannot be read: {error.strerror}'
        ) from None
    lines = [line.split() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise AnnotationError(f'{path}: the file is empty')
    seen: dict[str, int] = {}
    for number, words in enumerate(lines, 1):
        if not words or not _NAME.fullmatch(words[0]):
            found = words[0] if words else ''
            raise AnnotationError(
                f'{path}:{number}: expected the name of an image, without '
                f'folder, found {found[:60]!r}'
            )
        words[0] = Path(words[0]).stem
        if words[0] in seen:
            raise AnnotationError(
                f'{path}:{number}: {words[0]} stands in line '
                f'{seen[words[0]]} already'
            )
        seen[words[0]] = number
    return lines
