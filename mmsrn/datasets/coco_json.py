"""COCO's json of annotations, as tools of all kinds write it."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from mmsrn.evaluation.readers import AnnotationError
from mmsrn.utils.text_data import decode_text

__all__ = ['CocoBox', 'CocoImage', 'read_coco']


class CocoBox(NamedTuple):
    """One object.

    Attributes:
        bbox (tuple[float, ...]): x, y, width, height in pixels.
        category (str): Name of its category, or its id if it has no name.
        ignore (bool): Whether it is a crowd, or marked to be ignored.
        entry (dict): As it stands in the file.
        where (str): Its place, for messages.
    """

    bbox: tuple[float, ...]
    category: str
    ignore: bool
    entry: dict
    where: str


class CocoImage(NamedTuple):
    """One image.

    Attributes:
        id (str | int): As the file has it.
        file_name (str): As the file has it.
        size (tuple[int, int], optional): Width and height, if both are given.
        boxes (list[CocoBox]): What is in it.
        where (str): Its place, for messages.
    """

    id: str | int
    file_name: str
    size: tuple[int, int] | None
    boxes: list[CocoBox]
    where: str


def read_coco(path: str | Path, data: bytes) -> list[CocoImage]:
    """Read annotations.

    Ids may be numbers or texts, and mixed; ``area``, ``iscrowd``, ``width``,
    ``height``, ``categories`` and names of categories may be missing.

    Args:
        path (str | Path): The file, for messages.
        data (bytes): Its content, UTF-8 or UTF-16.

    Returns:
        list[CocoImage]: In the order of the file.

    Raises:
        AnnotationError: If it is malformed; the message names the entry.
    """
    try:
        content = json.loads(decode_text(data))
    except json.JSONDecodeError as error:
        raise AnnotationError(
            f'{path}:{error.lineno}: not json: {error.msg}'
        ) from None
    except (RecursionError, ValueError) as error:
        raise AnnotationError(f'{path}: not json: {error}') from None
    if not isinstance(content, dict) or 'images' not in content:
        kind = type(content).__name__
        raise AnnotationError(
            f'{path}: is no COCO annotation: it has no images'
            + ('' if isinstance(content, dict) else f', but is a {kind}')
        )
    reader = _Reader(path, content)
    boxes = reader.boxes()
    images = [reader.image(*x, boxes) for x in reader.entries('images')]
    if not images:
        raise AnnotationError(f'{path}: has no image')
    for key, orphans in boxes.items():
        raise AnnotationError(
            f'{orphans[0].where}: is of image_id {key!r}, which no image has'
        )
    return images


class _Reader:
    """Entries of one file."""

    def __init__(self, path: str | Path, content: dict) -> None:
        self.path = path
        self.content = content
        self.seen: dict[str, str] = {}
        self.categories = {
            _id(entry.get('id'), where): str(entry.get('name') or '').strip()
            for entry, where in self.entries('categories')
        }

    def entries(self, key: str) -> list[tuple[dict, str]]:
        """Entries of a list, and the place of each."""
        found = self.content.get(key)
        if found is None:
            return []
        if not isinstance(found, list):
            raise AnnotationError(
                f'{self.path}: {key} is no list but a {type(found).__name__}'
            )
        places = [f'{self.path}: {key}[{i}]' for i in range(len(found))]
        for entry, where in zip(found, places):
            if not isinstance(entry, dict):
                raise AnnotationError(
                    f'{where}: is no object but a {type(entry).__name__}'
                )
        return list(zip(found, places))

    def boxes(self) -> dict[str, list[CocoBox]]:
        """Boxes by the id of their image."""
        found = defaultdict(list)
        for entry, where in self.entries('annotations'):
            image = _id(entry.get('image_id'), where, 'image_id')
            # One category needs no id.
            category = ''
            if 'category_id' in entry:
                key = _id(entry['category_id'], where, 'category_id')
                category = self.categories.get(key) or key
            elif len(self.categories) > 1:
                raise AnnotationError(
                    f'{where}: has no category_id, but there are '
                    f'{len(self.categories)} categories'
                )
            elif self.categories:
                (category,) = self.categories.values()
            box = CocoBox(
                _box(entry.get('bbox'), where),
                category,
                any(_flag(entry, x, where) for x in ('iscrowd', 'ignore')),
                entry,
                where,
            )
            found[image].append(box)
        return found

    def image(
        self, entry: dict, where: str, boxes: dict[str, list[CocoBox]]
    ) -> CocoImage:
        """Read an image, and take its boxes."""
        key = _id(entry.get('id'), where)
        if key in self.seen:
            raise AnnotationError(
                f'{where}: has the id {key!r} of {self.seen[key]} too'
            )
        self.seen[key] = where
        name = entry.get('file_name')
        if not isinstance(name, str) or not name.strip():
            raise AnnotationError(f'{where}: has no file_name, but {name!r}')
        size = tuple(
            _side(entry.get(side), where, side) for side in ('width', 'height')
        )
        size = size if all(size) else None
        return CocoImage(entry['id'], name, size, boxes.pop(key, []), where)


def _id(value: Any, where: str, key: str = 'id') -> str:
    """An id as text, so that 1, 1.0 and "1" are the same."""
    whole = isinstance(value, float) and value.is_integer()
    if isinstance(value, str) or (
        isinstance(value, int) and not isinstance(value, bool)
    ):
        return str(value).strip()
    if whole:
        return str(int(value))
    raise AnnotationError(f'{where}: {key} is no id but {_short(value)}')


def _flag(entry: dict, key: str, where: str) -> bool:
    value = entry.get(key)
    if value in (None, 0, 1):  # also false and true
        return bool(value)
    if value in ('0', '1'):
        return value == '1'
    raise AnnotationError(
        f'{where}: {key} must be 0 or 1, not {_short(value)}'
    )


def _box(value: Any, where: str) -> tuple[float, ...]:
    fine = isinstance(value, list) and len(value) == 4
    if not fine or not all(map(_is_number, value)):
        raise AnnotationError(
            f'{where}: bbox must be x, y, width, height in pixels, not '
            f'{_short(value)}'
        )
    return tuple(value)


def _side(value: Any, where: str, key: str) -> int:
    if value is None:
        return 0
    if not _is_number(value) or value < 0:
        raise AnnotationError(
            f'{where}: {key} must be a number of pixels, not {_short(value)}'
        )
    return round(value)


def _is_number(value: Any) -> bool:
    # An int of 400 digits is more than any float.
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and abs(value) < 1e9
        and math.isfinite(value)
    )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f'{text[:60]}...'
