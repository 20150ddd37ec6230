"""Tasks that read and decode photos."""

from __future__ import annotations

import os
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmsrn.apis.photos import PhotoError, open_photo
from mmsrn.utils.image_files import IMAGE_SUFFIXES
from mmsrn.utils.one_line import one_line

from .filesystem import filesystem_of, holds_photos

__all__ = ['DECODED', 'read_listing']

#: A photo in memory: ``pixels`` are BGR, uint8, (height, width, 3).
DECODED = pa.schema(
    [
        ('path', pa.string()),
        ('width', pa.int32()),
        ('height', pa.int32()),
        ('pixels', pa.large_binary()),
        ('read', pa.float32()),
        ('decode', pa.float32()),
        ('error', pa.string()),
        ('incomplete', pa.string()),
        ('place', pa.int64()),
        ('container', pa.string()),
        ('member', pa.int64()),
        ('text', pa.string()),
    ]
)
#: What a task hands on at once.
_BYTES, _PHOTOS = 2**25, 64


def read_listing(
    listing: pa.Table, path_column: str, bytes_column: str, strict: bool
) -> Iterator[pa.Table]:
    """Read and decode the photos of a part of a listing.

    Args:
        listing (pa.Table): See ``list_sources``.
        path_column (str): Column of Parquet files that names the photos; they
            are numbered where there is none.
        bytes_column (str): Column of Parquet files with photos.
        strict (bool): Refuse JPEG files whose end is missing.

    Yields:
        pa.Table: Rows of :data:`DECODED`, some 32 MiB of them.
    """
    rows: list[dict] = []
    size = 0
    for item in listing.to_pylist():
        for row in _photos(item, path_column, bytes_column, strict):
            rows.append(row)
            size += len(row.get('pixels') or b'')
            if size >= _BYTES or len(rows) >= _PHOTOS:
                yield pa.Table.from_pylist(rows, DECODED)
                rows, size = [], 0
    yield pa.Table.from_pylist(rows, DECODED)


def _photos(
    item: dict[str, Any], path_column: str, bytes_column: str, strict: bool
) -> Iterator[dict]:
    common = dict(place=item['place'])
    path, location = item['path'], item['location']
    start = time.perf_counter()
    if not holds_photos(location):
        common.update(path=path, text=item['text'])
        try:
            filesystem, inner = filesystem_of(location)
            content = filesystem.cat_file(inner)
        except (ImportError, OSError, ValueError) as error:
            yield dict(common, error=_reason(error))
            return
        spent = time.perf_counter() - start
        yield _decoded(common, content, spent, strict)
        return
    is_tar = location.lower().endswith('.tar')
    read = _tar_members if is_tar else _parquet_members
    done = set(item['done'] or ())
    member = -1
    try:
        for member, (name, content) in enumerate(
            read(location, path_column, bytes_column)
        ):
            spent = time.perf_counter() - start
            if member not in done:
                row = dict(
                    common,
                    path=os.path.join(path, name) if is_tar else name,
                    text=os.path.join(item['text'], os.path.splitext(name)[0]),
                    container=path,
                    member=member,
                )
                yield _decoded(row, content, spent, strict)
            start = time.perf_counter()
    except (
        *(ImportError, OSError, KeyError, ValueError, EOFError),
        *(tarfile.TarError, pa.ArrowException),
    ) as error:
        # What comes after is not to be had: one row says so.
        yield dict(
            common,
            path=path,
            text=item['text'],
            error=f'is damaged after {member + 1} photos: {_reason(error)}',
        )


def _tar_members(location: str, *columns: str) -> Iterator[tuple[str, bytes]]:
    filesystem, inner = filesystem_of(location)
    with (
        filesystem.open(inner, 'rb') as file,
        tarfile.open(fileobj=file, mode='r|') as shard,
    ):
        for member in shard:
            photo = member.name.lower().endswith(IMAGE_SUFFIXES)
            if member.isfile() and photo:
                yield member.name, shard.extractfile(member).read()


def _parquet_members(
    location: str, path_column: str, bytes_column: str
) -> Iterator[tuple[str, bytes]]:
    filesystem, inner = filesystem_of(location)
    with filesystem.open(inner, 'rb') as file:
        table = pq.ParquetFile(file)
        names = table.schema_arrow.names
        if bytes_column not in names:
            raise KeyError(
                f'no column {bytes_column}; there are {", ".join(names)}'
            )
        columns = [x for x in (path_column, bytes_column) if x in names]
        number = 0
        for batch in table.iter_batches(_PHOTOS, columns=columns):
            contents = batch[bytes_column].to_pylist()
            if path_column in names:
                paths = batch[path_column].to_pylist()
            else:
                paths = [
                    f'{location}#{number + i}' for i in range(len(contents))
                ]
            number += len(contents)
            yield from zip(paths, contents)


def _decoded(
    row: dict, content: bytes | None, spent: float, strict: bool
) -> dict:
    start = time.perf_counter()
    row['read'] = spent
    try:
        photo, incomplete = open_photo(content or b'', '', strict=strict)
    except PhotoError as error:
        return dict(row, error=str(error).removeprefix(': '))
    height, width = photo.shape[:2]
    return dict(
        row,
        height=height,
        width=width,
        pixels=photo.tobytes(),
        incomplete=incomplete,
        decode=time.perf_counter() - start,
    )


def _reason(error: Exception) -> str:
    """Why, without the path that the message of the system repeats."""
    if isinstance(error, KeyError):
        return str(error.args[0])
    return (
        getattr(error, 'strerror', None)
        or one_line(error)
        or type(error).__name__
    )
