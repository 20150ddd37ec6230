"""YOLO's text labels, and the images that they belong to."""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mmsrn.evaluation.readers import AnnotationError
from mmsrn.utils.folder_tree import find_files
from mmsrn.utils.image_files import IMAGE_SUFFIXES
from mmsrn.utils.text_data import decode_text

__all__ = [
    'LabelFinder',
    'YOLOBox',
    'list_images',
    'read_labels',
]

_NUM_VALUES = 5
# What rounding leaves beyond the image.
_ROUNDING = 0.01


class YOLOBox(NamedTuple):
    """One object.

    Attributes:
        label (int): Class, from 0.
        corners (tuple[float, ...]): x1, y1, x2, y2 in shares of the image.
        num_values (int): Numbers behind the class: 4, or those of a polygon.
    """

    label: int
    corners: tuple[float, float, float, float]
    num_values: int


def list_images(source: Path) -> Iterator[Path]:
    """List the images of a folder, or of a text file that names them.

    Args:
        source (Path): The folder or the file.

    Yields:
        Path: Each image.

    Raises:
        AnnotationError: If the file cannot be read, or names what is not
            there.
    """
    if source.is_dir():
        for name in find_files(source):
            if name.suffix.lower() in IMAGE_SUFFIXES:
                yield source / name
        return
    try:
        lines = decode_text(source.read_bytes()).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(
            f'{source}: neither a folder nor a list of images: {error}'
        ) from None
    for number, line in enumerate(lines, 1):
        name = line.strip().replace('\\', '/')
        if not name:
            continue
        places = [source.parent / name, Path(name)]
        found = [x for x in places if os.path.isfile(x)]
        if not found:
            raise AnnotationError(
                f'{source}:{number}: {name}: no such image, here or below '
                f'{source.parent}'
            )
        yield found[0]


class LabelFinder:
    """Finds the labels of images, however their names are written."""

    def __init__(self) -> None:
        self._names: dict[Path, dict[str, list[str]]] = {}

    def find(self, image: Path) -> Path:
        """Find the labels of an image.

        Args:
            image (Path): The image.

        Returns:
            Path: As YOLO has it, the last folder ``images`` of its path being
            ``labels``; or beside the image, if they are there. Names may be
            in other letters: ``.TXT``, ``Labels``, decomposed accents;
            unless several are, or another image is called so.

        Raises:
            AnnotationError: If a folder cannot be read.
        """
        name = f'{image.stem}.txt'
        folders = list(image.parent.parts)
        beside = self._labels(image.with_name(name), image)
        small = [x.lower() for x in folders]
        if 'images' not in small or os.path.isfile(beside):
            return beside
        last = len(folders) - 1 - small[::-1].index('images')
        root = self._as_called(Path(*folders[:last], 'labels'))
        return self._labels(Path(root, *folders[last + 1 :], name), image)

    def _labels(self, path: Path, image: Path) -> Path:
        found = self._as_called(path)
        if found.stem != image.stem:
            images = self._listed(image.parent)
            for suffix in IMAGE_SUFFIXES:
                others = images.get(_plain(found.stem + suffix), ())
                if any(Path(x).stem == found.stem for x in others):
                    return path
        return found

    def _as_called(self, path: Path) -> Path:
        if os.path.exists(path):  # unlike pathlib's, fine with long names
            return path
        found = self._listed(path.parent).get(_plain(path.name), [])
        same = [x for x in found if Path(x).stem == path.stem]
        found = same or found
        return path.with_name(found[0]) if len(found) == 1 else path

    def _listed(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._names:
            names: dict[str, list[str]] = {}
            try:
                for name in os.listdir(folder):
                    names.setdefault(_plain(name), []).append(name)
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as error:
                raise AnnotationError(
                    f'{folder}: cannot be read: {error.strerror}'
                ) from None
            self._names[folder] = names
        return self._names[folder]


def _plain(name: str) -> str:
    return unicodedata.normalize('NFC', name).casefold()


def read_labels(
    path: Path, num_points: int | None = None
) -> list[YOLOBox] | None:
    """Read the labels of one image.

    Args:
        path (Path): The file.
        num_points (int, optional): Numbers behind each box, which are left
            out; with None longer lines are polygons.

    Returns:
        list[YOLOBox], optional: The objects; of a polygon the box around it.
        None if there is no such file.

    Raises:
        AnnotationError: If it is malformed; the message names file and line.
    """
    try:
        text = decode_text(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f'{path}: cannot be read: {error}') from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words:
            where = f'{path}:{number}'
            if num_points is not None:
                words = _without_points(words, num_points, where)
            found.append(_read_line(words, where))
    return found


def _without_points(words: list[str], num: int, where: str) -> list[str]:
    if len(words) not in (_NUM_VALUES, _NUM_VALUES + num):
        raise AnnotationError(
            f'{where}: expected {_NUM_VALUES} values and {num} of key points, '
            f'as kpt_shape says, found {len(words)}'
        )
    return words[:_NUM_VALUES]


def _read_line(words: list[str], where: str) -> YOLOBox:
    wanted = 'expected class, centre x, centre y, width, height'
    if len(words) != _NUM_VALUES and (len(words) < 7 or len(words) % 2 == 0):
        more = ' (six of results, which are no labels)' * (len(words) == 6)
        raise AnnotationError(
            f'{where}: {wanted}, found {len(words)} values{more}'
        )
    try:
        label, *values = map(float, words)
    except ValueError:
        shown = ' '.join(words)[:60]
        raise AnnotationError(f'{where}: {wanted}, found {shown!r}') from None
    if not (label.is_integer() and 0 <= label < 1e6):
        raise AnnotationError(f'{where}: {words[0][:60]} is no class')
    if len(values) == _NUM_VALUES - 1:
        x, y, width, height = values
        corners = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    else:
        xs, ys = values[::2], values[1::2]
        corners = min(xs), min(ys), max(xs), max(ys)
    fine = all(map(math.isfinite, values)) and all(
        -_ROUNDING <= x <= 1 + _ROUNDING for x in values
    )
    if not fine:
        shown = ' '.join(words[1:5])
        raise AnnotationError(
            f'{where}: coordinates are shares of the image, 0 to 1, not '
            f'{shown[:60]}; are they pixels?'
        )
    return YOLOBox(int(label), corners, len(values))
