"""WIDER FACE's own text annotations (``wider_face_*_bbx_gt.txt``)."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .errors import AnnotationError

#: Values that follow x, y, w, h on every line.
ATTRIBUTES = (
    'blur',
    'expression',
    'illumination',
    'invalid',
    'occlusion',
    'pose',
)
_NUM_VALUES = 4 + len(ATTRIBUTES)
# int() takes more, and fails with 4300 digits.
_COUNT = re.compile(r'[0-9]{1,9}')
_FACE = re.compile(rf'-?[0-9]{{1,9}}(\s+-?[0-9]{{1,9}}){{{_NUM_VALUES - 1}}}')


class FaceImage(NamedTuple):
    """Annotations of one image.

    Attributes:
        name (str): Path below the image folder, ``event/file.jpg``.
        faces (list[tuple[int, ...]]): x, y, w, h in pixels and the six
            ``ATTRIBUTES`` of every face.
        line (int): Line of the name in the file, from 1.
    """

    name: str
    faces: list[tuple[int, ...]]
    line: int


def read_wider_face_txt(path: str | Path) -> list[FaceImage]:
    """Read an annotation file.

    Every image has a line with its name, a line with the number of faces and
    a line of ten integers for each.  An image without faces still has one
    line, all zeros, as in the published files; it may also be left out.  A
    list of nothing but names, as there is of the test split
    (``wider_face_test_filelist.txt``), gives images without faces.

    Args:
        path (str | Path): File, UTF-8, any line endings.

    Returns:
        list[FaceImage]: In the order of the file.

    Raises:
        AnnotationError: If the file is missing or malformed; the message
            names file, line and remedy.

    Example:
        >>> images = read_wider_face_txt(
        ...     'data/widerface/wider_face_split/wider_face_val_bbx_gt.txt'
        ... )  # doctest: +SKIP
    """
    path = Path(path)
    try:
        text = path.read_text(encoding='utf-8-sig')
    except FileNotFoundError:
        raise AnnotationError(
            f'{path}: no such file; data/README.md shows where it belongs'
        ) from None
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f'{path}: byte {error.start} is not UTF-8; is this the '
            'annotation text?'
        ) from None
    except OSError as error:
        raise AnnotationError(
            f'{path}: cannot be read: {error.strerror}'
        ) from None
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()

    def fail(at: int, what: str):
        raise AnnotationError(
            f'{path}:{at + 1}: {what}; compare with the original file'
        )

    names_alone = len(lines) > 1 and all(map(_is_name, lines))
    images: list[FaceImage] = []
    seen: dict[str, int] = {}
    i = 0
    while i < len(lines):
        name, start = lines[i], i
        if not _is_name(name):
            fail(i, f"expected 'event/image.jpg', found {name!r}")
        if name in seen:
            fail(i, f'{name} stands in line {seen[name]} already')
        seen[name] = i + 1
        if names_alone:
            images.append(FaceImage(name, [], i + 1))
            i += 1
            continue
        if i + 1 == len(lines):
            fail(i, f'the file ends before the number of faces of {name}')
        count = lines[i + 1]
        if not _COUNT.fullmatch(count):
            fail(i + 1, f'expected a number of faces, found {count!r}')
        i += 2
        faces = []
        for _ in range(int(count)):
            if i == len(lines):
                fail(
                    i - 1,
                    f'the file ends after {len(faces)} of {count} faces of '
                    f'{name}',
                )
            faces.append(_parse_face(lines[i], lambda w, at=i: fail(at, w)))
            i += 1
        if not faces and i < len(lines) and not _is_name(lines[i]):
            filler = _parse_face(lines[i], lambda w, at=i: fail(at, w))
            if any(filler):
                fail(i, f'{name} has 0 faces, but here is one')
            i += 1
        images.append(FaceImage(name, faces, start + 1))
    if not images:
        raise AnnotationError(f'{path}: the file is empty')
    return images


def wider_face_text(images: Iterable[FaceImage]) -> str:
    """Write annotations as :func:`read_wider_face_txt` reads them.

    Args:
        images (Iterable[FaceImage]): The images; ``line`` does not matter.

    Returns:
        str: Content of the file.

    Raises:
        ValueError: If a name cannot stand in such a file.

    Example:
        >>> print(wider_face_text([FaceImage('event/a.jpg', [], 0)]))
        event/a.jpg
        0
        0 0 0 0 0 0 0 0 0 0
        <BLANKLINE>
    """
    lines = []
    for name, faces, _ in images:
        # Lines end at more signs than one, and are read without blanks.
        if name.splitlines() != [name.strip()] or not _is_name(name):
            raise ValueError(
                f'{name!r}: is no name for a list; it needs a folder and a '
                'file, and neither a new line nor blanks at its ends'
            )
        lines += [name, str(len(faces))]
        for face in faces or [(0,) * _NUM_VALUES]:
            lines.append(' '.join(map(str, face)))
    return '\n'.join(lines) + '\n'


def _is_name(line: str) -> bool:
    head, slash, tail = line.partition('/')
    return bool(head and slash and tail)


def _parse_face(line: str, fail) -> tuple[int, ...]:
    if not _FACE.fullmatch(line):
        fail(
            f'expected {_NUM_VALUES} integers (x y w h '
            f'{" ".join(ATTRIBUTES)}), found {line!r}'
        )
    return tuple(map(int, line.split()))
