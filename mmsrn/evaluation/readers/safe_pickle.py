"""Pickles of tensors and plain containers, read without running their code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmsrn.utils.one_line import one_line
from mmsrn.utils.pickled_objects import Named
from mmsrn.utils.plain_pickle import read_pickle

__all__ = ['load_plain_pickle']

_STORAGE = 'torch.storage._load_from_bytes'


def load_plain_pickle(path: str | Path) -> Any:
    """Read a pickle of tensors, arrays and plain containers.

    None of its code is run: objects of mmdet and mmengine become
    :class:`~mmsrn.utils.pickled_objects.StandIn`, and any other object is an
    error.

    Args:
        path (str | Path): The file.

    Returns:
        Any: What it holds.

    Raises:
        ValueError: If it cannot be read, or holds something else.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise ValueError(f'{path}: no such file') from None
    except OSError as error:
        raise ValueError(f'{path}: not a readable dump: {error}') from None
    try:
        return read_pickle(data, _names())
    except Exception as error:  # a damaged file may raise anything
        reason = f'{type(error).__name__}: {one_line(error, 160)}'
        raise ValueError(
            f'{path}: not a readable dump: {reason.rstrip(": ")}'
        ) from None


def _names() -> dict[str, Any]:
    from mmsrn.utils.pickled_arrays import tensor_names
    from mmsrn.utils.torch_file import load_storage

    return {**tensor_names(), _STORAGE: Named(_STORAGE, load_storage)}
