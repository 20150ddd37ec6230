"""Results of ``mmsrn detect --ray``: a folder of Parquet files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .collected import Collected
from .errors import AnnotationError

__all__ = ['is_bulk_folder', 'read_bulk_results']


def is_bulk_folder(path: str | Path) -> bool:
    """Tell a folder of Parquet files from one of text files.

    Args:
        path (str | Path): The folder.

    Returns:
        bool: Whether there is a ``.parquet`` file in it.
    """
    return any(Path(path).glob('*.parquet'))


def read_bulk_results(
    path: str | Path, names: list[str] | None = None
) -> dict[str, np.ndarray]:
    """Read the Parquet files of a bulk detection.

    Photos with an error are left out, so that their images count as images
    without results.

    Args:
        path (str | Path): The folder.
        names (list[str], optional): See :func:`read_mmdet_dump`.

    Returns:
        dict[str, np.ndarray]: Image to (n, 5), x1 y1 x2 y2 score.

    Raises:
        AnnotationError: If pyarrow is missing, a file cannot be read, or an
            image is there twice.
    """
    try:
        import pyarrow as pa
        import pyarrow.dataset as ds
    except ImportError:
        raise AnnotationError(
            f'{path}: needs pyarrow to be read: pip install pyarrow'
        ) from None
    collected = Collected(path, names, None)
    try:
        for batch in ds.dataset(path, format='parquet').to_batches(
            columns=['path', 'boxes', 'scores'],
            filter=ds.field('error').is_null(),
        ):
            scores = batch['scores']
            corners = batch['boxes'].flatten().flatten().to_numpy()
            rows = np.column_stack(
                [corners.reshape(-1, 4), scores.flatten().to_numpy()]
            ).astype(np.float64)
            ends = np.cumsum([0, *scores.value_lengths().to_pylist()])
            labels = np.zeros(len(rows), np.int64)
            for i, image in enumerate(batch['path'].to_pylist()):
                part = slice(ends[i], ends[i + 1])
                collected.add(image, rows[part], labels[part], str(path))
    except AnnotationError:
        raise
    except (OSError, TypeError, ValueError, pa.ArrowException) as error:
        raise AnnotationError(
            f'{path}: no results of mmsrn detect --ray: {error}'
        ) from None
    return collected.result()
