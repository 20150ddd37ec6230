"""The results of a job: Parquet files in a folder, which later runs extend."""

from __future__ import annotations

import json
import posixpath
import time
import uuid
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmsrn.utils.atomic_file import atomic_file, remove_partial

from .filesystem import filesystem_of

__all__ = ['SCHEMA', 'FaceTable', 'StoreError']

#: A row for each photo.  Boxes are corners x1, y1, x2, y2 in pixels of the
#: upright photo, the surest first.  A photo that could not be used has an
#: error and no size.  ``incomplete`` says what a file lacks that is cut off,
#: ``limit`` that there may be more faces than the model reports.  ``place``,
#: ``container``, ``member`` and ``text`` tell the order and the names of
#: ``mmsrn detect``.
SCHEMA = pa.schema(
    [
        ('path', pa.string()),
        ('width', pa.int32()),
        ('height', pa.int32()),
        ('boxes', pa.list_(pa.list_(pa.float32()))),
        ('scores', pa.list_(pa.float32())),
        (
            'seconds',
            pa.struct(
                [
                    (x, pa.float32())
                    for x in ('read', 'decode', 'enhance', 'detect')
                ]
            ),
        ),
        ('error', pa.string()),
        ('enhancement', pa.string()),
        ('incomplete', pa.string()),
        ('limit', pa.int32()),
        ('place', pa.int64()),
        ('container', pa.string()),
        ('member', pa.int64()),
        ('text', pa.string()),
    ]
)
_SETTINGS = '_settings.json'
#: A part is written when it has so many rows, or when so many seconds are
#: gone: a job that is killed loses no more.
_ROWS, _SECONDS = 10_000, 30.0


class StoreError(ValueError):
    """Error of a folder of results, in one line with its name."""


class FaceTable:
    """A folder of results on any filesystem.

    Each part appears when it is complete, so you can read the folder or kill
    the job at any time.

    Args:
        out (str): Path or address of the folder.
    """

    def __init__(self, out: str) -> None:
        self.out = out
        self._files, self._folder = filesystem_of(out)
        self._is_local = 'file' in self._files.protocol
        self._run = uuid.uuid4().hex[:8]
        self._number = 0
        self._waiting: list[pa.Table] = []
        self._since = time.monotonic()

    def open(self, settings: dict[str, Any]) -> None:
        """Create the folder, or check that it belongs to the same job.

        What a killed job left of files it was writing is removed.

        Args:
            settings (dict[str, Any]): All settings that change the results.

        Raises:
            StoreError: If it belongs to another job, or holds other files.
        """
        settings = json.loads(json.dumps(settings))
        path = self._path(_SETTINGS)
        is_own = self._files.exists(path)
        if self._is_local:
            # In a folder of somebody else only what a job writes first.
            names = None if is_own else [_SETTINGS]
            remove_partial(Path(self._folder), names)
        if is_own:
            former = json.loads(self._files.cat_file(path))
            changed = [
                f'{x}={former.get(x)!r}, now {settings.get(x)!r}'
                for x in {**former, **settings}
                if former.get(x) != settings.get(x)
            ]
            if changed:
                raise StoreError(
                    f'{self.out}: holds results made with other settings '
                    f'({"; ".join(changed)}); name another folder'
                )
            return
        if self._files.exists(self._folder) and self._files.ls(
            self._folder, detail=False
        ):
            raise StoreError(
                f'{self.out}: is not empty and holds no results of mmsrn '
                'detect --ray; name another folder'
            )
        self._files.makedirs(self._folder, exist_ok=True)
        self._write(_SETTINGS, json.dumps(settings, indent=2).encode())

    def parts(self) -> list[str]:
        """List the parts.

        Returns:
            list[str]: Paths in the filesystem.

        Raises:
            StoreError: If there is no such folder.
        """
        if not self._files.exists(self._path(_SETTINGS)):
            raise StoreError(
                f'{self.out}: holds no results of mmsrn detect --ray'
            )
        return sorted(self._files.glob(self._path('part-*.parquet')))

    def read(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Read the parts, one after the other.

        Args:
            columns (list[str], optional): Names of columns; None: all.

        Yields:
            pa.Table: Rows of :data:`SCHEMA`.

        Raises:
            StoreError: If the folder does not exist, or a part is damaged.
        """
        for path in self.parts():
            try:
                with self._files.open(path, 'rb') as file:
                    yield pq.read_table(file, columns=columns)
            except (OSError, pa.ArrowException) as error:
                raise StoreError(
                    f'{path}: cannot be read ({error}); remove it and run '
                    'again, which repeats its photos'
                ) from error

    def without_done(self, listing: pa.Table) -> tuple[pa.Table, int]:
        """Drop finished photos from a listing.

        Args:
            listing (pa.Table): See ``list_sources``.

        Returns:
            tuple[pa.Table, int]: The remaining rows and the number of finished
            photos. Containers stay, with their finished members.
        """
        done = [*self.read(['path', 'container', 'member'])]
        if not done:
            return listing, 0
        rows = pa.concat_tables(done)
        single = rows.filter(pc.is_null(rows['container']))
        # Results have the path as it was given: a photo has one.
        left = listing.filter(
            pc.invert(
                pc.is_in(listing['path'], single['path'].combine_chunks())
            )
        )
        members = rows.filter(pc.is_valid(rows['container']))
        members = members.group_by('container').aggregate([('member', 'list')])
        by_container = dict(
            zip(
                members['container'].to_pylist(),
                members['member_list'].to_pylist(),
            )
        )
        if by_container:
            column = [by_container.get(x) for x in left['path'].to_pylist()]
            at = left.schema.get_field_index('done')
            field = left.schema.field('done')
            left = left.set_column(at, field, pa.array(column, field.type))
        return left, len(rows)

    def add(self, rows: pa.Table) -> None:
        """Add rows, and write a part when there are enough.

        Args:
            rows (pa.Table): Rows of :data:`SCHEMA`.
        """
        self._waiting.append(rows)
        full = sum(map(len, self._waiting)) >= _ROWS
        if full or time.monotonic() - self._since > _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are left."""
        if any(map(len, self._waiting)):
            content = BytesIO()
            pq.write_table(pa.concat_tables(self._waiting), content)
            name = f'part-{self._run}-{self._number:06d}.parquet'
            self._write(name, content.getvalue())
            self._number += 1
        self._waiting = []
        self._since = time.monotonic()

    def _path(self, name: str) -> str:
        return posixpath.join(self._folder, name)

    def _write(self, name: str, content: bytes) -> None:
        """Write a file that appears only when it is complete."""
        path = self._path(name)
        if self._is_local:
            with atomic_file(path) as partial:
                partial.write_bytes(content)
        else:  # stores of objects show a file when it is complete
            self._files.pipe_file(path, content)
