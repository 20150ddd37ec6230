"""Ray actors that find faces in decoded photos."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pyarrow as pa

from mmsrn.utils.one_line import one_line

from .store import SCHEMA

__all__ = ['FaceFinder']

_KEPT = (
    *('path', 'width', 'height', 'incomplete'),
    *('place', 'container', 'member', 'text'),
)


class FaceFinder:
    """The detector of an actor.

    Args:
        threads (int): Number of threads.
        settings (dict[str, Any]): Arguments of ``FaceDetector``.
    """

    def __init__(self, threads: int, settings: dict[str, Any]) -> None:
        # Before the libraries that read it are imported.
        os.environ['OMP_NUM_THREADS'] = str(threads)
        from mmsrn.apis import FaceDetector

        self._detector = FaceDetector(**settings)

    def __call__(self, photos: pa.Table) -> pa.Table:
        """Find the faces of photos.

        Photos of one size go through the network together.

        Args:
            photos (pa.Table): Rows of ``DECODED``.

        Returns:
            pa.Table: Rows of ``SCHEMA``, photos without an error by size.
        """
        rows = photos.to_pylist()
        results = [_result(x, error=x['error']) for x in rows if x['error']]
        good = [x for x in rows if not x['error']]
        good.sort(key=lambda x: (x['height'], x['width']))
        return pa.Table.from_pylist(results + self._detect(good), SCHEMA)

    def _detect(self, rows: list[dict]) -> list[dict]:
        images = (
            np.frombuffer(x['pixels'], np.uint8).reshape(
                x['height'], x['width'], 3
            )
            for x in rows
        )
        try:
            found = list(self._detector.stream(images))
        except (MemoryError, RuntimeError, ValueError) as error:
            if len(rows) > 1:  # one may be to blame: each on its own
                return [y for x in rows for y in self._detect([x])]
            text = one_line(error) or type(error).__name__
            return [
                _result(dict(x, width=None, height=None), error=text)
                for x in rows
            ]
        return [
            _result(
                row,
                boxes=faces.boxes.tolist(),
                scores=faces.scores.tolist(),
                enhancement=faces.enhancement,
                limit=faces.limit,
                seconds=dict(
                    read=row['read'],
                    decode=row['decode'],
                    enhance=faces.timing['enhance'],
                    detect=faces.timing['detect'],
                ),
            )
            for row, faces in zip(rows, found)
        ]


def _result(row: dict, **values: Any) -> dict:
    return {**{x: row[x] for x in _KEPT}, **values}
