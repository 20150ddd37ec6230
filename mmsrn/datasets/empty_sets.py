"""Sets without an image, or without a face, and why they are so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset

from mmsrn.evaluation.readers import AnnotationError
from mmsrn.utils.text_data import decode_text

__all__ = ['describe_classes', 'has_faces', 'inner_datasets', 'refuse_empty']

_SHOWN = 20


def refuse_empty(dataset: BaseDataset) -> None:
    """Refuse a set of which the filters have left no image.

    Args:
        dataset (BaseDataset): The set, whose annotations have been read.

    Raises:
        AnnotationError: If it has no image; the message names the classes.
    """
    if not dataset.data_list:
        raise AnnotationError(
            f'{dataset.ann_file}: no images left: '
            f'{describe_classes(dataset)}; filter_cfg: {dataset.filter_cfg}'
        )


def describe_classes(dataset: BaseDataset) -> str:
    """Say which classes a set was asked for, and which there are.

    Args:
        dataset (BaseDataset): Of mmsrn, or of mmdet with a json of COCO.

    Returns:
        str: The classes.
    """
    classes = dataset.metainfo.get('classes') or ()
    if isinstance(classes, str):
        classes = (classes,)
    text = f'classes asked for: {", ".join(classes)}'
    if hasattr(dataset, 'names'):  # a ClassMap
        found = [
            f'{x} {num:,} times' for x, num in dataset.names.found.items()
        ]
    else:
        found = _coco_categories(str(getattr(dataset, 'ann_file', '')))
    if found is None:
        return text
    more = ', ...' if len(found) > _SHOWN else ''
    shown = ', '.join(found[:_SHOWN]) or 'no object at all'
    return f'{text}; found: {shown}{more}'


def _coco_categories(path: str) -> list[str] | None:
    if not path.endswith('.json'):
        return None
    try:
        content = json.loads(decode_text(Path(path).read_bytes()))
        return [str(x['name']) for x in content.get('categories', ())]
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return None


def inner_datasets(dataset: Any) -> Iterator[BaseDataset]:
    """Sets inside of concatenated, repeated and mixed ones.

    Args:
        dataset (Any): Any dataset.

    Yields:
        BaseDataset: Each set that holds no other.
    """
    parts = getattr(dataset, 'datasets', None)
    if parts is None and hasattr(dataset, 'dataset'):
        parts = [dataset.dataset]
    if parts is None:
        yield dataset
        return
    for part in parts:
        yield from inner_datasets(part)


def has_faces(dataset: BaseDataset) -> bool:
    """Whether an image of a set has an object that counts.

    Args:
        dataset (BaseDataset): The set.

    Returns:
        bool: As soon as one is found.
    """
    return any(
        not x.get('ignore_flag', 0)
        for i in range(len(dataset))
        for x in dataset.get_data_info(i).get('instances', ())
    )
