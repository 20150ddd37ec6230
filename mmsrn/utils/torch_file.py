"""Files of ``torch.save``, read as data."""

from __future__ import annotations

import io
import struct
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .pickled_arrays import Storage, tensor_names
from .pickled_objects import Named, Shell
from .plain_pickle import read_pickle

if TYPE_CHECKING:
    from torch import dtype

__all__ = ['load_storage', 'read_torch_file']

#: How files of torch 1.6 and later begin, and what earlier ones begin with.
_ZIP, _LEGACY = b'PK\x03\x04', (0x1950A86A20F9469CFC6C, 1001)


class _History(Shell):
    """The log of a number, which a training goes on with."""

    __slots__ = ()

    def __init__(self, *_: Any) -> None:
        super().__init__()

    def build(self, state: Any) -> Any:
        """Make it of its two arrays."""
        from mmengine.logging import HistoryBuffer

        values, counts = (
            state.get(x) for x in ('_log_history', '_count_history')
        )
        most = state.get('max_length', 1_000_000)
        for x in (values, counts):
            if type(x) is not np.ndarray or x.ndim != 1:
                raise TypeError('a log is not an array')
        if type(most) is not int or len(values) != len(counts):
            raise ValueError('a log has not as many counts as numbers')
        history = HistoryBuffer(max_length=most)
        history._log_history, history._count_history = values, counts
        return history


class _Config(Shell):
    """A config, of which the text is kept."""

    __slots__ = ()

    def __init__(self, *_: Any) -> None:
        super().__init__()

    def build(self, state: Any) -> str:
        """Take the text."""
        texts = [x for x in state if type(x) is str]
        return texts[-1] if texts else ''


@cache
def _names() -> dict[str, Any]:
    history = 'mmengine.logging.history_buffer.HistoryBuffer'
    config = 'mmengine.config.config.Config'
    return {
        **tensor_names(),
        history: Named(history, _History),
        config: Named(config, _Config),
    }


def read_torch_file(file: str | Path | io.BufferedIOBase) -> Any:
    """Read what ``torch.save`` has written; nothing of the file is run.

    Args:
        file (str | Path | io.BufferedIOBase): The file, of any version of
            torch from 0.4 on.

    Returns:
        Any: Containers, numbers, texts, and tensors on the CPU.  Of mmengine's
        objects ``HistoryBuffer`` is there as such, a config as a dict or
        text; others are :class:`~mmsrn.utils.pickled_objects.StandIn`.

    Raises:
        Exception: Of any kind, if it is damaged or holds anything else.
    """
    if not hasattr(file, 'read'):
        with open(file, 'rb') as opened:
            return read_torch_file(opened)
    return _read(file, _names())


def load_storage(data: bytes) -> Storage:
    """Read the memory of a tensor in a pickle.

    Args:
        data (bytes): What torch makes of it, a file of its own.

    Returns:
        Storage: The memory.
    """
    if type(data) is not bytes:
        raise TypeError('the memory of a tensor is invalid')
    return _read(io.BytesIO(data), tensor_names())


def _read(file: io.BufferedIOBase, names: dict[str, Any]) -> Any:
    start = file.read(len(_ZIP))
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    if start == _ZIP:
        with zipfile.ZipFile(file) as archive:
            return _read_archive(archive, names, length)
    return _read_legacy(io.BytesIO(file.read()), names, length)


def _storage_key(key: Any) -> tuple[dtype, str, int]:
    """Kind, name and bytes of the memory that a key stands for."""
    import torch

    if (
        type(key) is not tuple
        or key[0] != 'storage'
        or key[5:]
        not in (
            (),
            (None,),
        )
    ):
        raise ValueError('it holds something other than tensors')
    kind, name, _, number = key[1:5]
    if not isinstance(kind, torch.dtype) or type(name) not in (int, str):
        raise TypeError('the memory of a tensor is invalid')
    if type(number) is not int or number < 0:
        raise TypeError('the memory of a tensor has no size')
    return kind, str(name), number * kind.itemsize


def _read_archive(
    archive: zipfile.ZipFile, names: dict[str, Any], length: int
) -> Any:
    """Read a file of torch 1.6 or later."""
    entries = {x.filename: x for x in archive.infolist()}
    roots = [x for x in entries if x.endswith('/data.pkl')]
    if len(roots) != 1:
        raise ValueError('it is a zip file that torch.save did not write')
    root = roots[0].removesuffix('data.pkl')
    storages: dict[str, Storage] = {}
    left = length

    def read(name: str) -> bytes:
        nonlocal left
        entry = entries[root + name]
        left -= entry.file_size
        if entry.compress_type != zipfile.ZIP_STORED or left < 0:
            raise ValueError('it is not packed as torch.save packs files')
        return archive.read(entry)

    def load(key: Any) -> Storage:
        kind, name, size = _storage_key(key)
        if name not in storages:
            data = read(f'data/{name}')
            if len(data) != size:
                raise ValueError('the memory of a tensor has the wrong size')
            storages[name] = Storage(kind, size)
            storages[name].fill(data)
        return storages[name]

    if f'{root}byteorder' in entries and read('byteorder') != b'little':
        raise ValueError('it was saved on a machine with another byte order')
    return read_pickle(read('data.pkl'), names, load)


def _read_legacy(file: io.BytesIO, names: dict[str, Any], length: int) -> Any:
    """Read a file of torch before 1.6."""
    if (read_pickle(file, {}), read_pickle(file, {})) != _LEGACY:
        raise ValueError('torch.save did not write it')
    read_pickle(file, {})  # about the machine
    storages: dict[str, Storage] = {}
    left = length

    def load(key: Any) -> Storage:
        nonlocal left
        kind, name, size = _storage_key(key)
        if name not in storages:
            left -= size
            if left < 0:
                raise ValueError('the memory of a tensor is incomplete')
            storages[name] = Storage(kind, size)
        return storages[name]

    content = read_pickle(file, names, load)
    for name in read_pickle(file, {}):
        storage = storages[str(name)]
        (number,) = struct.unpack('<q', file.read(8))
        if number * storage.kind.itemsize != len(storage.buffer):
            raise ValueError('the memory of a tensor has the wrong size')
        storage.fill(file.read(len(storage.buffer)))
    return content
