"""Results that mmdet saves: dumps of tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmsrn.utils.one_line import one_line
from mmsrn.utils.pickled_objects import StandIn
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
        path (str | Path): The file.  None of its code is run.
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
            image, rows, labels = _read_sample(sample)
        # Anybody may have written it.
        except Exception as error:
            reason = f'{type(error).__name__}: {one_line(error, 120)}'
            raise AnnotationError(
                f'{where} is not what tools/test.py --out writes ({reason})'
            ) from None
        collected.add(image, rows, labels, where)
    return collected.result()


def _read_sample(sample: dict) -> tuple[str, np.ndarray, np.ndarray]:
    """Name of an image; its rows, x y w h score; and their labels."""
    found = sample['pred_instances']
    image = sample.get('img_path') or sample['img_id']
    if isinstance(image, np.generic):
        image = image.item()
    if type(image) not in (int, str):
        raise TypeError(f'the image is called by a {type(image).__name__}')
    boxes, scores, labels = (
        _numbers(found[x]) for x in ('bboxes', 'scores', 'labels')
    )
    corners = boxes.reshape(-1, 4)
    if not len(corners) == scores.size == labels.size:
        raise ValueError(
            f'{len(corners)} boxes, {scores.size} scores and {labels.size} '
            'labels'
        )
    with np.errstate(invalid='ignore'):
        whole = labels.astype(np.int64)
    if not (np.isfinite(corners).all() and np.isfinite(scores).all()):
        raise ValueError('a box or score is no finite number')
    if (whole != labels).any():
        raise ValueError('a label is no whole number')
    sides = corners[:, 2:] - corners[:, :2]
    rows = np.column_stack([corners[:, :2], sides, scores.reshape(-1)])
    return str(image), rows, whole.reshape(-1)


def read_dump_protocol(path: str | Path) -> str | None:
    """Read the test protocol of a dump.

    Args:
        path (str | Path): See :func:`read_mmdet_dump`.

    Returns:
        str, optional: The protocol that the test wrote; None if there is none.

    Raises:
        AnnotationError: If the file cannot be read or is no such dump.
    """
    samples = [x for x in _load_dump(path) if isinstance(x, dict)]
    if not any('protocol' in x for x in samples):
        return None
    for number, x in enumerate(samples):
        if type(x.get('protocol', '')) is not str:
            kind = type(x['protocol']).__name__
            raise AnnotationError(
                f'{path}: entry {number}: its protocol is a {kind}, no text'
            )
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


def _numbers(value: Any) -> np.ndarray:
    """Real numbers of a tensor, an array or a list, float64."""
    if isinstance(value, StandIn):  # boxes of mmdet wrap a tensor
        value = value.state.get('tensor')
    if isinstance(value, (list, tuple)):
        rows = value if value and isinstance(value[0], list) else [value]
        if any(type(x) not in (int, float) for row in rows for x in row):
            raise TypeError('a list of something else than numbers')
        value = np.array(value, np.float64)
    elif hasattr(value, 'numpy') and not value.is_complex():  # a tensor
        value = value.double().numpy()
    if type(value) is not np.ndarray or value.dtype.kind not in 'biuf':
        raise TypeError('boxes, scores or labels are no real numbers')
    return value.astype(np.float64)
