"""Results in COCO's json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mmsrn.utils.one_line import one_line
from mmsrn.utils.text_data import decode_text

from .collected import Collected
from .errors import AnnotationError

__all__ = ['read_coco_results']

_MOST = 1e9  # pixels, and anything else


def read_coco_results(
    path: str | Path,
    names: list[str] | None = None,
    label: int | None = None,
    ann_file: str | Path | None = None,
) -> dict[str, np.ndarray]:
    """Read results in COCO's layout: a list of boxes with ``image_id``.

    Args:
        path (str | Path): The json file.
        names (list[str], optional): See :func:`read_mmdet_dump`.
        label (int, optional): ``category_id`` to take; needed if there are
            several.
        ann_file (str | Path, optional): COCO annotations, which tell the file
            names; needed if ``image_id`` is a number.

    Returns:
        dict[str, np.ndarray]: Image to (n, 5), x y w h score.  Images of
        ``ann_file`` without detections are in it, empty.

    Raises:
        AnnotationError: If a file cannot be read, is not what it should be,
            or ``ann_file`` or ``label`` is needed.
    """
    content = _read_json(path)
    if not isinstance(content, list):
        raise AnnotationError(
            f'{path}: expected a list of results, found a '
            f'{type(content).__name__}; annotations are no results'
        )
    files = None if ann_file is None else _file_names(ann_file)
    collected = Collected(path, names, label)
    grouped: dict[str | int, list] = {}
    for number, entry in enumerate(content):
        try:
            image, row = _detection(entry)
        except (KeyError, TypeError, ValueError) as error:
            reason = f'{type(error).__name__}: {one_line(error, 120)}'
            raise AnnotationError(
                f'{path}: entry {number} is no detection of COCO ({reason})'
            ) from None
        grouped.setdefault(image, []).append(row)
    if files is not None:
        found = set(map(str, grouped))
        grouped.update({x: [] for x in files if x not in found})
    for image, rows in grouped.items():
        where = f'{path}: image_id {image!r}'
        if files is not None:
            # One tool may write 7, another "7".
            if str(image) not in files:
                raise AnnotationError(f'{where} is not in {ann_file}')
            image = files[str(image)]
        elif not isinstance(image, str):
            raise AnnotationError(
                f'{where} is a number: name the COCO annotations that tell '
                'the file names'
            )
        table = np.array(rows, np.float64).reshape(-1, 6)
        labels = table[:, 5].astype(np.int64)
        collected.add(image, table[:, :5], labels, where)
    return collected.result()


def _detection(entry: dict) -> tuple[str | int, list[float]]:
    """Image of an entry, and x y w h, score and category."""
    image = entry['image_id']
    if isinstance(image, float) and image.is_integer():
        image = int(image)
    if type(image) not in (int, str):
        raise TypeError(f'image_id is {_short(image)}')
    box = entry['bbox']
    if type(box) is not list:
        raise ValueError(f'bbox is {_short(box)}, not x, y, width, height')
    if len(box) != 4:
        raise ValueError(f'bbox has {len(box)} numbers')
    row = [*box, entry['score'], entry['category_id']]
    for value in row:
        if type(value) not in (int, float) or not abs(value) < _MOST:
            raise ValueError(f'{_short(value)} is no number, or too large')
    if row[-1] != int(row[-1]):
        raise ValueError(f'category_id is {_short(row[-1])}')
    return image, row


def _short(value: Any) -> str:
    return one_line(json.dumps(value), 60)


def _file_names(path: str | Path) -> dict[str, str]:
    content = _read_json(path)
    try:
        return {str(x['id']): str(x['file_name']) for x in content['images']}
    except (IndexError, KeyError, TypeError) as error:
        raise AnnotationError(
            f'{path}: no COCO annotations: no list of images with id and '
            f'file_name ({type(error).__name__}: {error})'
        ) from None


def _read_json(path: str | Path) -> Any:
    if Path(path).exists() and not Path(path).is_file():
        raise AnnotationError(f'{path}: is no file to read')
    try:
        text = decode_text(Path(path).read_bytes())
        return json.loads(text)
    except FileNotFoundError:
        raise AnnotationError(f'{path}: no such file') from None
    except json.JSONDecodeError as error:
        raise AnnotationError(
            f'{path}:{error.lineno}: not json: {error.msg}'
        ) from None
    # Among the values: no UTF-8, and numbers of thousands of digits.
    except (OSError, RecursionError, ValueError) as error:
        raise AnnotationError(f'{path}: not json: {error}') from None
