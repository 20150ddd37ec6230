"""List the photos of a job before they are read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pyarrow as pa

from mmsrn.apis.photo_search import is_address, is_pattern
from mmsrn.apis.photos import PhotoError
from mmsrn.utils.file_search import expand_pattern, files_below
from mmsrn.utils.folder_labels import labels_of, root_of, without_suffixes

from .filesystem import find_files, is_listed

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
    root: str  # the folder that its results have their names from


def list_sources(source: Any) -> pa.Table:
    """List the photos of a source.

    Args:
        source (str | PathLike | Sequence): A photo; a folder with its
            subfolders; a pattern; a ``.tar`` file of photos; a ``.parquet``
            file with a column of photos; a ``.txt`` file with one of these per
            line; or several. Each is a path or an address that pyarrow or
            fsspec reads.

    Returns:
        pa.Table: With the columns of :data:`LISTING`: a row for each photo,
        and one for each file that holds several, in the order of
        ``mmsrn detect``.

    Raises:
        PhotoError: If a source does not exist, or holds no photo.
    """
    several = isinstance(source, (list, tuple))
    given = [os.fspath(x) for x in (source if several else [source])]
    items: dict[str, _Item] = {}
    for item in (x for text in given for x in _items(text)):
        items.setdefault(item.location, item)
    return pa.table(
        dict(
            place=range(len(items)),
            path=[x.path for x in items.values()],
            location=list(items),
            text=_text_names(list(items.values())),
            done=pa.nulls(len(items), pa.list_(pa.int64())),
        ),
        LISTING,
    )


def _text_names(items: list[_Item]) -> list[str]:
    """Names of text files, as ``mmsrn detect --wider`` has them."""
    labels = labels_of({x.root for x in items})
    places = [
        labels[x.root]
        / os.path.relpath(
            x.path if is_address(x.path) else os.path.abspath(x.path), x.root
        )
        for x in items
    ]
    return [str(x) for x in without_suffixes(places)]


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
        reason = getattr(error, 'strerror', None) or 'is not UTF-8 text'
        raise PhotoError(f'{path}: {reason}') from error
    folder = os.path.dirname(path)
    for line in filter(None, map(str.strip, lines)):
        yield line if is_address(line) else os.path.join(folder, line)


def _remote(address: str) -> Iterator[_Item]:
    root = address.partition('*')[0].rpartition('/')[0]
    found = False
    try:
        for file in find_files(address):
            found = True
            yield _Item(file, file, root if file == address else address)
    except FileNotFoundError as error:
        raise PhotoError(f'{address}: no such file or folder') from error
    except (ImportError, OSError, ValueError) as error:
        raise PhotoError(f'{address}: cannot be read: {error}') from error
    if not found:
        raise PhotoError(f'{address}: has no photos')


def _local(text: str) -> Iterator[_Item]:
    root = root_of(text)
    if os.path.isdir(text):
        files = [*map(str, files_below(text, _unreadable))]
    elif is_pattern(text):
        files = expand_pattern(text)
    elif os.path.lexists(text):
        yield _item(text, root)
        return
    else:
        raise PhotoError(f'{text}: no such file or folder')
    files = [x for x in files if os.path.isfile(x) and is_listed(x)]
    if not files:
        raise PhotoError(f'{text}: has no photos')
    for path in files:
        yield _item(path, root)


def _item(path: str, root: str) -> _Item:
    folder, name = os.path.split(path)
    absolute = os.path.abspath(folder)
    below = os.path.commonpath([absolute, root]) == root
    # What other links lead to is the same file.
    location = os.path.join(os.path.realpath(folder), name)
    return _Item(path, location, root if below else absolute)


def _unreadable(error: OSError) -> NoReturn:
    raise PhotoError(
        f'{error.filename}: cannot be read: {error.strerror}'
    ) from error
