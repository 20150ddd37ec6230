"""YOLO's text labels, and the ``data.yaml`` that says where they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from mmsrn.evaluation.readers import AnnotationError
from mmsrn.utils.folder_tree import find_files
from mmsrn.utils.image_files import IMAGE_SUFFIXES

__all__ = [
    'YOLOBox',
    'label_path',
    'list_images',
    'read_data_yaml',
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
    """

    label: int
    corners: tuple[float, float, float, float]


def read_data_yaml(
    path: Path, split: str
) -> tuple[list[Path], dict[int, str]]:
    """Read where the images of a split are, and what the classes are called.

    Args:
        path (Path): The file.
        split (str): ``'train'``, ``'val'`` or ``'test'``.

    Returns:
        tuple[list[Path], dict[int, str]]: Folders of images or lists of
        them, and names by label.

    Raises:
        AnnotationError: If it is missing or malformed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8-sig'))
    except OSError as error:
        raise AnnotationError(
            f'{path}: cannot be read: {error.strerror}; check ann_file and '
            'data_root'
        ) from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        reason = ' '.join(str(error).split())
        raise AnnotationError(f'{path}: not yaml: {reason}') from None
    if not isinstance(content, dict):
        raise AnnotationError(f'{path}: has no {split}: and no names:')
    given = content.get(split)
    if split == 'val' and given is None:
        given = content.get('valid')
    given = [given] if isinstance(given, str) else given
    if not given or not all(isinstance(x, str) for x in given):
        raise AnnotationError(
            f'{path}: {split}: must name a folder of images, or a list of '
            f'them, not {given!r}'
        )
    return [_resolve(path, content, x) for x in given], _names(path, content)


def _resolve(path: Path, content: dict, given: str) -> Path:
    """Find a folder where YOLO looks for it, and beside the file itself."""
    given = given.replace('\\', '/')
    root = str(content.get('path') or '').replace('\\', '/')
    # Exported sets say ../train/images and mean train/images.
    tails = [given, given.removeprefix('../')]
    places = [
        Path(path.parent, base, tail) for base in (root, '') for tail in tails
    ]
    places += [Path(root, given)]
    for place in places:
        if place.exists():
            return place
    raise AnnotationError(
        f'{path}: neither {places[0]} nor {places[2]} exists; correct path: '
        'and the splits, or name the folder with data_prefix'
    )


def _names(path: Path, content: dict) -> dict[int, str]:
    names = content.get('names') or {}
    if isinstance(names, list):
        names = dict(enumerate(names))
    try:
        return {int(label): str(name).strip() for label, name in names.items()}
    except (AttributeError, TypeError, ValueError):
        raise AnnotationError(
            f'{path}: names: must be a list, or a name for each number'
        ) from None


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
        lines = source.read_text(encoding='utf-8-sig').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(
            f'{source}: neither a folder nor a list of images: {error}'
        ) from None
    for number, line in enumerate(lines, 1):
        name = line.strip().replace('\\', '/')
        if not name:
            continue
        places = [source.parent / name, Path(name)]
        found = [x for x in places if x.is_file()]
        if not found:
            raise AnnotationError(
                f'{source}:{number}: {name}: no such image, here or below '
                f'{source.parent}'
            )
        yield found[0]


def label_path(image: Path) -> Path:
    """Find the labels of an image.

    Args:
        image (Path): The image.

    Returns:
        Path: As YOLO has it, the last folder ``images`` of its path being
        ``labels``; or beside the image, if they are there.
    """
    name = f'{image.stem}.txt'
    parts = list(image.parent.parts)
    beside = image.with_name(name)
    if 'images' not in parts or beside.is_file():
        return beside
    last = len(parts) - 1 - parts[::-1].index('images')
    parts[last] = 'labels'
    return Path(*parts, name)


def read_labels(path: Path) -> list[YOLOBox] | None:
    """Read the labels of one image.

    Args:
        path (Path): The file.

    Returns:
        list[YOLOBox], optional: The objects; of a polygon the box around it.
        None if there is no such file.

    Raises:
        AnnotationError: If it is malformed; the message names file and line.
    """
    try:
        text = path.read_text(encoding='utf-8-sig')
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f'{path}: cannot be read: {error}') from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words:
            found.append(_read_line(words, f'{path}:{number}'))
    return found


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
    return YOLOBox(int(label), corners)
