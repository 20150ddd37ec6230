"""What pickles of numbers name: arrays, tensors and plain containers.

None of the functions of NumPy and torch that pickles name is called: they
believe sizes and types that a file states.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np

from .pickled_objects import Named, Shell, checked_keys

if TYPE_CHECKING:
    from torch import Tensor, dtype

__all__ = ['Storage', 'plain_names', 'tensor_names']

_NUMBERS = re.compile(r'[<>|=]?(b1|[iu][1248]|f[248]|c8|c16|\?)')
_TEXTS = re.compile(r'[<>|=]?[SU]\d{1,5}')
_MAX_DIMENSIONS = 32
_MAX_SIDE = 1 << 48
#: Elements that a tensor may have although its memory has less.
_MAX_EXPANDED = 1_000_000
_STORAGES = {
    'Double': 'float64', 'Float': 'float32', 'Half': 'float16',
    'BFloat16': 'bfloat16', 'Long': 'int64', 'Int': 'int32',
    'Short': 'int16', 'Char': 'int8', 'Byte': 'uint8', 'Bool': 'bool',
    'ComplexFloat': 'complex64', 'ComplexDouble': 'complex128',
    'Untyped': 'uint8',
}  # fmt: skip


def _sizes(values: Any) -> tuple[int, ...]:
    """Check that values are a few sizes."""
    good = isinstance(values, (list, tuple)) and len(values) <= _MAX_DIMENSIONS
    if not good or any(
        type(x) is not int or not 0 <= x < _MAX_SIDE for x in values
    ):
        raise ValueError('a shape is invalid')
    return tuple(values)


class _DType(Shell):
    """A type of numbers, whose byte order comes later."""

    __slots__ = ('code',)

    def __init__(self, code: str | bytes, *_: Any) -> None:
        super().__init__()
        code = code.decode('ascii') if type(code) is bytes else code
        if not (_NUMBERS.fullmatch(code) or _TEXTS.fullmatch(code)):
            raise ValueError(
                f'it has an array of {code[:20]!r} instead of numbers'
            )
        self.code = code.lstrip('<>|=')

    def build(self, state: Any) -> _DType:
        """Take the byte order; numbers have no other state."""
        order, *parts = state[1:5]
        order = order.decode('ascii') if type(order) is bytes else order
        if order not in ('<', '>', '|', '=') or any(
            x is not None for x in parts
        ):
            raise ValueError('it has an array of something other than numbers')
        if order in '<>':
            self.code = order + self.code
        return self


def _array(data: Any, kind: Any, shape: Any, order: Any = 'C') -> np.ndarray:
    if type(data) is str:  # of Python 2
        data = data.encode('latin1')
    if type(kind) is not _DType or type(data) not in (bytes, bytearray):
        raise TypeError('it has an array of something other than numbers')
    shape, kind = _sizes(shape), np.dtype(kind.code)
    if math.prod(shape) * kind.itemsize != len(data) or not kind.itemsize:
        raise ValueError('the size of an array does not match its numbers')
    if not len(data):
        return np.zeros(shape, kind)
    if kind.kind == 'b':
        flat = np.frombuffer(data, np.uint8) != 0
    else:
        flat = np.frombuffer(data, kind).copy()
    return flat.reshape(shape, order='F' if order in ('F', True) else 'C')


class _Array(Shell):
    __slots__ = ()

    def __init__(self, *_: Any) -> None:
        super().__init__()

    def build(self, state: Any) -> np.ndarray:
        """Make the array."""
        shape, kind, fortran, data = state[-4:]
        return _array(data, kind, shape, bool(fortran))


def _scalar(kind: Any, data: Any = b'') -> Any:
    return _array(data, kind, (1,))[0]


def _encode(text: str, codec: str = 'latin1') -> bytes:
    if type(text) is not str or codec not in ('latin1', 'latin-1'):
        raise ValueError('it has invalid bytes')
    return text.encode('latin1')


def _dict(items: Any = ()) -> dict:
    pairs = [*(items.items() if isinstance(items, dict) else items)]
    checked_keys([key for key, _ in pairs])
    return dict(pairs)


def _path(kind: type) -> Callable[..., str]:
    def join(*parts: Any) -> str:
        if any(type(x) is not str for x in parts):
            raise TypeError('a path is not text')
        return str(kind(*parts))

    return join


def plain_names() -> dict[str, Any]:
    """Names in pickles of containers and arrays.

    Returns:
        dict[str, Any]: For ``read_pickle``.
    """
    kinds: dict[str, Callable] = {
        'builtins.bytearray': lambda x=b'': bytearray(bytes(_bytes(x))),
        'builtins.bytes': lambda x=b'': bytes(_bytes(x)),
        'builtins.complex': lambda x, y: complex(float(x), float(y)),
        'builtins.dict': _dict,
        'builtins.frozenset': lambda x=(): frozenset(checked_keys([*x])),
        'builtins.list': lambda x=(): [*x],
        'builtins.set': lambda x=(): set(checked_keys([*x])),
        'builtins.tuple': lambda x=(): (*x,),
        # Of methods that mmengine keeps beside its logs; none is called.
        'builtins.getattr': lambda owner, name: None,
        'collections.Counter': _dict,
        'collections.OrderedDict': lambda x=(): OrderedDict(_dict(x)),
        'collections.defaultdict': lambda *_: {},
        'numpy.dtype': _DType,
        'numpy.core.multiarray._reconstruct': _Array,
        'numpy.core.multiarray.scalar': _scalar,
        'numpy.core.numeric._frombuffer': _array,
        '_codecs.encode': _encode,
        **{
            f'mm{package}.ConfigDict': _dict
            for package in ('engine.config.config', 'cv.utils.config')
        },
    }
    for module in ('pathlib', 'pathlib._local'):
        for name in ('Path', 'PosixPath', 'PurePath', 'PurePosixPath'):
            kinds[f'{module}.{name}'] = _path(PurePosixPath)
        for name in ('WindowsPath', 'PureWindowsPath'):
            kinds[f'{module}.{name}'] = _path(PureWindowsPath)
    names: dict[str, Any] = {k: Named(k, v) for k, v in kinds.items()}
    for kind in ('bool', 'float', 'int', 'long', 'str', 'unicode'):
        names[f'builtins.{kind}'] = None  # of defaultdict
    return dict(names, **{'numpy.ndarray': None})


def _bytes(value: Any) -> bytes | bytearray:
    if type(value) not in (bytes, bytearray):
        raise TypeError('bytes are invalid')
    return value


class Storage:
    """Memory of tensors.

    Args:
        kind (torch.dtype): Of its elements.
        size (int): Bytes, which :meth:`fill` brings.
    """

    __slots__ = ('buffer', 'kind')

    def __init__(self, kind: dtype, size: int) -> None:
        self.buffer, self.kind = bytearray(size), kind

    def fill(self, data: bytes) -> None:
        """Set all of the memory.

        Args:
            data (bytes): Its content.
        """
        if str(self.kind) == 'torch.bool':  # other bytes are no bool
            data = (np.frombuffer(data, np.uint8) != 0).tobytes()
        memoryview(self.buffer)[:] = data

    def tensor(
        self, offset: Any, size: Any, stride: Any, kind: dtype | None = None
    ) -> Tensor:
        """Make a tensor of a part of the memory.

        Args:
            offset (int): Its first element.
            size (tuple[int]): Its shape.
            stride (tuple[int]): Elements from one to the next.
            kind (torch.dtype, optional): Of its elements.

        Returns:
            Tensor: On the CPU; tensors of one storage share their memory.

        Raises:
            ValueError: If it would reach beyond.
        """
        import torch

        kind = self.kind if kind is None else kind
        size, stride = _sizes(size), _sizes(stride)
        (offset,) = _sizes((offset,))
        there = len(self.buffer) // kind.itemsize
        wanted = math.prod(size)
        if not wanted:
            return torch.empty(size, dtype=kind)
        last = offset + sum((n - 1) * s for n, s in zip(size, stride))
        if len(size) != len(stride) or last >= there:
            raise ValueError('a tensor reaches beyond its memory')
        if wanted > max(there, _MAX_EXPANDED):
            raise ValueError(f'a tensor of {wanted} elements has {there}')
        flat = torch.frombuffer(self.buffer, dtype=kind, count=there)
        return flat.as_strided(size, stride, offset)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_) -> Tensor:
    return _storage(storage).tensor(offset, size, stride)


def _tensor_v3(
    storage: Any, offset: Any, size: Any, stride: Any, _: Any, __: Any,
    kind: dtype, *___: Any,
) -> Tensor:  # fmt: skip
    if str(kind) == 'torch.bool':
        raise TypeError('a tensor of bool has the wrong type')
    return _storage(storage).tensor(offset, size, stride, kind)


def _storage(value: Any) -> Storage:
    if type(value) is not Storage:
        raise TypeError('a tensor has no memory')
    return value


def _device(kind: Any, index: Any = 0) -> str:
    if type(kind) is not str or type(index) is not int:
        raise TypeError('a device is invalid')
    return f'{kind}:{index}'


def _with_attributes(make: Any, _: Any, args: Any, *__: Any) -> Any:
    """A tensor with attributes of its own, which are left out."""
    if type(make) is not Named or type(args) is not tuple:
        raise TypeError('a tensor is invalid')
    return make.make(*args)


@cache
def tensor_names() -> dict[str, Any]:
    """Names in pickles of tensors, and those of :func:`plain_names`.

    Returns:
        dict[str, Any]: For ``read_pickle``; kinds of storages are
        ``torch.dtype``.
    """
    import torch

    kinds: dict[str, Callable] = {
        'torch.Size': lambda x=(): torch.Size(_sizes(x)),
        'torch.device': _device,
        'torch._utils._rebuild_tensor': _tensor,
        'torch._utils._rebuild_tensor_v2': _tensor,
        'torch._utils._rebuild_tensor_v3': _tensor_v3,
        'torch._utils._rebuild_parameter': lambda x, *_: x,
        'torch._utils._rebuild_parameter_with_state': lambda x, *_: x,
        'torch._tensor._rebuild_from_type_v2': _with_attributes,
    }
    names = {**plain_names(), **{k: Named(k, v) for k, v in kinds.items()}}
    names['torch.Tensor'] = names['torch.nn.parameter.Parameter'] = None
    for name, value in vars(torch).items():
        if isinstance(value, torch.dtype):
            names[f'torch.{name}'] = value
    for name, kind in _STORAGES.items():
        for module in ('torch', 'torch.cuda', 'torch.storage'):
            names[f'{module}.{name}Storage'] = getattr(torch, kind)
    return names
