"""WIDER FACE's text annotations (``wider_face_*_bbx_gt.txt``)."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mmsrn.utils.text_data import decode_text

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
_INTEGER = re.compile(r'-?[0-9]{1,9}')
_NUMBER = re.compile(r'-?[0-9]{1,9}(\.[0-9]{0,20})?')
_IMAGE = re.compile(
    r'\.(avif|bmp|gif|jfif|jp2|jpe|jpe?g|mpo|p[gp]m|png|tiff?|webp)$',
    re.IGNORECASE,
)
_OFFICIAL = re.compile(
    r'wider_face_(train|val)_bbx_gt\.txt|wider_face_test_filelist\.txt'
)


class FaceImage(NamedTuple):
    """Annotations of one image.

    Attributes:
        name (str): Path below the image folder, ``event/file.jpg``.
        faces (list[tuple[float, ...]]): x, y, w, h in pixels and the six
            ``ATTRIBUTES`` of every face; integers in the published files.
        line (int): Line of the name in the file, from 1.
    """

    name: str
    faces: list[tuple[float, ...]]
    line: int


def is_official(path: str | Path) -> bool:
    """Whether a file has the name of a published one, and is to be like it."""
    return _OFFICIAL.fullmatch(Path(path).name) is not None


def read_wider_face_txt(path: str | Path) -> list[FaceImage]:
    """Read an annotation file.

    Every image has a line with its name, a line with the number of faces and a
    line of ten integers for each.  An image without faces may have one line of
    zeros, as in the published files.  A list of names only, such as that of
    the test split (``wider_face_test_filelist.txt``), gives images without
    faces.

    Files with other names than the published ones may also have images without
    a folder, backslashes in names, blank lines, only x y w h, decimals,
    several lines of zeros, and be UTF-16.

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
        data = path.read_bytes()
        strict = is_official(path)
        text = data.decode('utf-8-sig') if strict else decode_text(data)
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
    images = list(_Parser(path, text).images())
    if not images:
        raise AnnotationError(f'{path}: the file is empty')
    return images


class _Parser:
    """Lines of one file."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.strict = is_official(path)
        lines = [line.strip() for line in text.splitlines()]
        while lines and not lines[-1]:
            lines.pop()
        #: Numbers from 1, and texts.
        self.lines = [x for x in enumerate(lines, 1) if x[1] or self.strict]
        self.at = 0

    def fail(self, what: str, number: int | None = None) -> None:
        if number is None:
            number = self.lines[self.at][0]
        remedy = 'compare with the original file'
        if not self.strict:
            remedy = 'docs/data.md shows the layout'
        raise AnnotationError(f'{self.path}:{number}: {what}; {remedy}')

    @property
    def line(self) -> str | None:
        """Where the parser is; None at the end."""
        if self.at == len(self.lines):
            return None
        return self.lines[self.at][1]

    def name(self, line: str) -> str | None:
        """The name that a line is; None if it is something else."""
        if self.strict:
            return line if _is_name(line) else None
        line = line.replace('\\', '/')
        return line if _is_name(line) or _IMAGE.search(line) else None

    def images(self) -> Iterator[FaceImage]:
        """Read all images."""
        seen: dict[str, int] = {}
        names_alone = len(self.lines) > 1 and all(
            self.name(x) for _, x in self.lines
        )
        while self.line is not None:
            number, line = self.lines[self.at]
            name = self.name(line)
            if name is None:
                self.fail(f"expected 'event/image.jpg', found {line[:60]!r}")
            if name in seen:
                self.fail(f'{name} stands in line {seen[name]} already')
            seen[name] = number
            self.at += 1
            faces = [] if names_alone else self.faces(name, number)
            yield FaceImage(name, faces, number)

    def faces(self, name: str, number: int) -> list[tuple[float, ...]]:
        """Read what follows a name."""
        count = self.line
        if count is None:
            self.fail(
                f'the file ends before the number of faces of {name}', number
            )
        if not _COUNT.fullmatch(count):
            self.fail(f'expected a number of faces, found {count[:60]!r}')
        self.at += 1
        faces = []
        for _ in range(int(count)):
            if self.line is None:
                self.fail(
                    f'the file ends after {len(faces)} of {count} faces of '
                    f'{name}',
                    self.lines[-1][0],
                )
            faces.append(self.face(self.line))
            self.at += 1
        fillers = 0
        while (
            not faces
            and self.line is not None
            and not self.name(self.line)
            and not (self.strict and fillers)
        ):
            if any(self.face(self.line)):
                self.fail(f'{name} has 0 faces, but here is one')
            self.at += 1
            fillers += 1
        return faces

    def face(self, line: str) -> tuple[float, ...]:
        """Read a line of numbers."""
        words = line.split()
        if _FACE.fullmatch(line):
            return tuple(map(int, words))
        box, attributes = words[:4], words[4:]
        if (
            self.strict
            or len(words) not in (4, _NUM_VALUES)
            or not all(map(_NUMBER.fullmatch, box))
            or not all(map(_INTEGER.fullmatch, attributes))
        ):
            own = '' if self.strict else ', or x y w h alone'
            self.fail(
                f'expected {_NUM_VALUES} integers (x y w h '
                f'{" ".join(ATTRIBUTES)}{own}), found {line[:60]!r}'
            )
        sides = [float(x) if '.' in x else int(x) for x in box]
        sides = [int(x) if x == int(x) else x for x in sides]
        return (*sides, *(map(int, attributes or '0' * len(ATTRIBUTES))))


def wider_face_text(images: Iterable[FaceImage]) -> str:
    """Write annotations as :func:`read_wider_face_txt` reads them.

    Args:
        images (Iterable[FaceImage]): The images; ``line`` is not used.

    Returns:
        str: Content of the file.

    Raises:
        ValueError: If a name cannot be written to such a file.

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
