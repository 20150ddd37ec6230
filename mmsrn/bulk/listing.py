"""The photos that a job shall look at, before any of them is read."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from mmsrn.apis.photos import PhotoError, find_photos
from mmsrn.utils.result_names import root_of, text_names

from .filesystem import files_below, holds_photos, is_address

__all__ = ['LISTING', 'list_sources']

#: ``done`` are the members of a container that need no second look.
LISTING = pa.schema(
    [
        ('place', pa.int64()),
        ('path', pa.string()),
        ('location', pa.string()),
        ('text', pa.string()),
        ('done', pa.list_(pa.int64())),
    ]
)


class _Item(NamedTuple):
    path: str  # as the user calls it
    location: str  # where any process finds it
    root: str  # the folder that was named


def list_sources(source: Any) -> pa.Table:
    """List what a source stands for.

    Args:
        source (str | PathLike | Sequence): A photo; a folder, which is
            searched with all folders below it; a pattern; a ``.tar`` file of
            photos; a ``.parquet`` file with a column of them; a ``.txt`` file
            that names one of these in each line; or several.  Each is a path
            or an address of any filesystem that pyarrow or fsspec reads.

    Returns:
        pa.Table: With the columns of :data:`LISTING`: a row for each photo,
        and one for each file that holds several.

    Raises:
        PhotoError: If a source does not exist, or holds no photo.
    """
    several = isinstance(source, (list, tuple))
    given = [os.fspath(x) for x in (source if several else [source])]
    items: dict[str, _Item] = {}
    for item in (x for text in given for x in _items(text)):
        items.setdefault(item.location, item)
    names = text_names((x.path, x.root) for x in items.values())
    return pa.table(
        dict(
            place=range(len(items)),
            path=[x.path for x in items.values()],
            location=list(items),
            text=names,
            done=pa.nulls(len(items), pa.list_(pa.int64())),
        ),
        LISTING,
    )


def _items(text: str) -> Iterator[_Item]:
    if text.lower().endswith('.txt'):
        for line in _lines(text):
            yield from _items(line)
    elif is_address(text):
        yield from _remote(text)
    else:
        yield from _local(text)


def _lines(path: str) -> Iterable[str]:
    """Names in a text file, those of this machine below its folder."""
    try:
        lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or 'is no text in UTF-8'
        raise PhotoError(f'{path}: {reason}') from error
    for line in filter(None, map(str.strip, lines)):
        yield (
            line
            if is_address(line)
            else os.path.join(os.path.dirname(path), line)
        )


def _remote(address: str) -> Iterator[_Item]:
    root = address.partition('*')[0].rpartition('/')[0]
    found = False
    try:
        for file in files_below(address):
            found = True
            yield _Item(file, file, root if file == address else address)
    except FileNotFoundError as error:
        raise PhotoError(f'{address}: no such file or folder') from error
    except (ImportError, OSError, ValueError) as error:
        raise PhotoError(f'{address}: cannot be read: {error}') from error
    if not found:
        raise PhotoError(f'{address}: no photos there')


def _local(text: str) -> Iterator[_Item]:
    root = root_of(text)
    shards = _containers(text)
    if not (os.path.lexists(text) or glob.has_magic(text)):
        raise PhotoError(f'{text}: no such file or folder')
    try:
        photos = [] if shards == [text] else find_photos(text)
    except PhotoError:
        if not shards:
            raise
        photos = []
    for path in (*(x.name for x in photos), *shards):
        yield _Item(path, os.path.abspath(path), root)


def _containers(text: str) -> list[str]:
    """Files that hold photos, of a file, a folder or a pattern."""
    if os.path.isdir(text):
        found = map(str, Path(text).rglob('*'))
    else:
        found = glob.glob(text, recursive=True)
    return sorted(filter(holds_photos, found))
