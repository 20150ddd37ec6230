"""Pickles of tensors and plain containers, read without running their code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

__all__ = ['StandIn', 'load_plain_pickle']

_ALLOWED = {
    'builtins': {
        'bool', 'bytearray', 'complex', 'dict', 'float', 'frozenset', 'int',
        'list', 'set', 'slice', 'str', 'tuple',
    },
    'collections': {'OrderedDict', 'defaultdict'},
    'numpy': {'dtype', 'ndarray'},
    'pathlib': {'Path', 'PosixPath', 'PurePath', 'PurePosixPath'},
    'torch': {'Size', 'device'},
    'torch._utils': {'_rebuild_parameter', '_rebuild_tensor_v2'},
    '_codecs': {'encode'},
}  # fmt: skip
_NUMPY_CORE = {'_reconstruct', 'scalar', '_frombuffer'}


class StandIn:
    """Takes the place of an object of mmdet or mmengine, with its state."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name in _ALLOWED.get(module, ()):
            return super().find_class(module, name)
        parts = module.split('.')
        if (
            parts[0] == 'numpy'
            and {'core', '_core'} & set(parts)
            and name in _NUMPY_CORE
        ):
            return super().find_class(module, name)
        if module == 'torch.storage' and name == '_load_from_bytes':
            return _load_storage
        if module == 'torch' and name.endswith(('Storage', 'Tensor')):
            return super().find_class(module, name)
        if parts[0] in ('mmdet', 'mmengine'):
            return StandIn
        raise pickle.UnpicklingError(
            f'it asks for {module}.{name}, which tensors and plain containers '
            'do not need'
        )


def _load_storage(data: bytes) -> Any:
    """Read a tensor's memory; torch's own reader would run any code."""
    import torch

    return torch.load(io.BytesIO(data), map_location='cpu', weights_only=True)


def load_plain_pickle(path: str | Path) -> Any:
    """Read a pickle of tensors, arrays and plain containers.

    Nothing of the file is run: objects of mmdet and mmengine become
    :class:`StandIn`, and whatever else it asks for ends the reading.

    Args:
        path (str | Path): The file.

    Returns:
        Any: What it holds.

    Raises:
        ValueError: If it cannot be read, or holds something else.
    """
    try:
        with open(path, 'rb') as file:
            return _Unpickler(file).load()
    except FileNotFoundError:
        raise ValueError(f'{path}: no such file') from None
    except Exception as error:  # a damaged file may raise anything
        reason = f'{type(error).__name__}: {error}'.splitlines()[0]
        raise ValueError(f'{path}: not a readable dump: {reason}') from None
