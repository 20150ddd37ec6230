"""Results that mmdet saves: dumps of its test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmsrn.utils.protocol import UNNAMED, describe_protocol

from .collected import Collected
from .errors import AnnotationError
from .safe_pickle import load_plain_pickle

__all__ = ['read_dump_protocol', 'read_mmdet_dump']


def read_mmdet_dump(
    path: str | Path, names: list[str] | None = None, label: int | None = None
) -> dict[str, np.ndarray]:
    """Read the ``.pkl`` of ``tools/test.py --out`` or of ``DumpResults``.

    Args:
        path (str | Path): The file. It is read without running code of it.
        names (list[str], optional): Images of the set. By default the last
            folder and the name of every image, without suffix.
        label (int, optional): Class to take, from 0; needed if detections of
            several classes are in the file.

    Returns:
        dict[str, np.ndarray]: Image to (n, 5), x y w h score.

    Raises:
        AnnotationError: If the file cannot be read, is no such dump, or needs
            a label.
    """
    collected = Collected(path, names, label)
    for number, sample in enumerate(_load_dump(path)):
        where = f'{path}: entry {number}'
        try:
            found = sample['pred_instances']
            image = str(sample.get('img_path') or sample['img_id'])
            boxes = np.asarray(_tensor(found['bboxes']), np.float64)
            scores = np.asarray(_tensor(found['scores']), np.float64)
            labels = np.asarray(_tensor(found['labels']), np.int64)
            corners = boxes.reshape(-1, 4)
            rows = np.column_stack(
                [corners[:, :2], corners[:, 2:] - corners[:, :2], scores]
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f'{type(error).__name__}: {error}'
            raise AnnotationError(
                f'{where} is not what tools/test.py --out writes ({reason})'
            ) from None
        collected.add(image, rows, labels, where)
    return collected.result()


def read_dump_protocol(path: str | Path) -> str | None:
    """Read under which protocol the images of a dump were tested.

    Args:
        path (str | Path): See :func:`read_mmdet_dump`.

    Returns:
        str, optional: As the test itself says; None if no image has one.

    Raises:
        AnnotationError: If the file cannot be read or is no such dump.
    """
    samples = [x for x in _load_dump(path) if isinstance(x, dict)]
    if not any('protocol' in x for x in samples):
        return None
    return describe_protocol(
        (x.get('protocol', UNNAMED) for x in samples),
        sum('protocol_deviation' in x for x in samples),
        len(samples),
    )


def _load_dump(path: str | Path) -> list | tuple:
    try:
        content = load_plain_pickle(path)
    except ValueError as error:
        raise AnnotationError(str(error)) from None
    if not isinstance(content, (list, tuple)):
        raise AnnotationError(
            f'{path}: expected a list with a dict for each image, found a '
            f'{type(content).__name__}'
        )
    return content


def _tensor(value: Any) -> Any:
    """Boxes of mmdet wrap a tensor."""
    return getattr(value, 'tensor', value)
