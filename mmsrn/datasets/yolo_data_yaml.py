"""``data.yaml`` of YOLO, which says where the images of a set are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mmsrn.evaluation.readers import AnnotationError
from mmsrn.utils.one_line import one_line
from mmsrn.utils.text_data import decode_text

__all__ = ['DataYaml', 'read_data_yaml']


class DataYaml(NamedTuple):
    """What ``data.yaml`` says of a split.

    Attributes:
        images (list[Path]): Folders of images or lists of them.
        names (dict[int, str]): Of the classes, by label.
        num_points (int, optional): Numbers behind each box, which are those
            of key points; None if it says nothing of such.
    """

    images: list[Path]
    names: dict[int, str]
    num_points: int | None


def read_data_yaml(path: Path, split: str) -> DataYaml:
    """Read where the images of a split are, and what the classes are called.

    Args:
        path (Path): The file.
        split (str): ``'train'``, ``'val'`` or ``'test'``.

    Returns:
        DataYaml: What it says.

    Raises:
        AnnotationError: If it is missing or malformed.
    """
    try:
        content = _load_yaml(decode_text(path.read_bytes()))
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
    if (
        not isinstance(given, list)
        or not given
        or not all(isinstance(x, str) for x in given)
    ):
        raise AnnotationError(
            f'{path}: {split}: must name a folder of images, or a list of '
            f'them, not {one_line(repr(given), 60)}'
        )
    return DataYaml(
        [_resolve(path, content, x) for x in given],
        _names(path, content),
        _num_points(path, content),
    )


def _load_yaml(text: str) -> Any:
    # A few lines of aliases can stand for a billion values.
    if any(isinstance(x, yaml.AliasToken) for x in yaml.scan(text)):
        raise ValueError('it has aliases (*), which are not read')
    return yaml.safe_load(text)


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
        if os.path.exists(place):  # unlike pathlib's, fine with long names
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


def _num_points(path: Path, content: dict) -> int | None:
    shape = content.get('kpt_shape')
    if shape is None:
        return None
    if not isinstance(shape, list) or [type(x) for x in shape] != [int, int]:
        raise AnnotationError(
            f'{path}: kpt_shape: must be two numbers, such as [5, 2], not '
            f'{one_line(repr(shape), 60)}'
        )
    return shape[0] * shape[1]
