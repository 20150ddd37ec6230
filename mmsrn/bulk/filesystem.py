"""Files on this machine and on other filesystems, by address."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import fsspec

from mmsrn.apis.photo_search import is_address
from mmsrn.utils.image_files import IMAGE_SUFFIXES

__all__ = ['filesystem_of', 'find_files', 'holds_photos', 'is_listed']

#: Schemes that pyarrow reads by itself.
_ARROW = ('s3', 'gs', 'gcs', 'hdfs', 'viewfs')
_CONTAINERS = ('.tar', '.parquet')


def holds_photos(name: str) -> bool:
    """Return whether a file is a ``.tar`` or ``.parquet`` file of photos."""
    return name.lower().endswith(_CONTAINERS)


def is_listed(name: str) -> bool:
    """Return whether a file in a folder is a photo or a file of photos."""
    return name.lower().endswith(IMAGE_SUFFIXES + _CONTAINERS)


def filesystem_of(address: str) -> tuple[Any, str]:
    """Find the filesystem of an address.

    ``s3``, ``gs`` and ``hdfs`` are read by pyarrow, all others by fsspec.

    Args:
        address (str): A path of this machine or an address.

    Returns:
        tuple[AbstractFileSystem, str]: The filesystem, as fsspec has them,
        and the path in it.

    Raises:
        ImportError: If fsspec needs another package for it.
        ValueError: If nothing reads such addresses.
    """
    scheme = address.partition('://')[0].lower()
    if is_address(address) and scheme in _ARROW:
        from fsspec.implementations.arrow import ArrowFSWrapper
        from pyarrow.fs import FileSystem

        filesystem, path = FileSystem.from_uri(address)
        return ArrowFSWrapper(filesystem), path
    return fsspec.core.url_to_fs(address)


def find_files(address: str) -> Iterator[str]:
    """List the files of an address.

    Args:
        address (str): Address of a file, a folder with its subfolders, or a
            pattern with ``*``.

    Yields:
        str: Addresses of photos and of files that hold photos, by name,
        without hidden ones.  A file that is named itself may have any name.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    scheme = address.partition('://')[0]
    # Servers of the web list nothing; their files are named one by one.
    if scheme in ('http', 'https'):
        yield address
        return
    filesystem, path = filesystem_of(address)
    if any(x in path for x in '*?['):
        found = filesystem.glob(path)
    elif filesystem.isdir(path):
        found = filesystem.find(path)
    elif filesystem.exists(path):
        yield address
        return
    else:
        raise FileNotFoundError(address)
    root = os.path.dirname(path.partition('*')[0])
    for file in sorted(found):
        below = file[len(root) :] if file.startswith(root) else file
        hidden = any(x.startswith('.') for x in below.split('/'))
        if not hidden and is_listed(file):
            inner = file if scheme == 'file' else file.lstrip('/')
            yield f'{scheme}://{inner}'
