"""Checkpoints, read as data without running code.

Importing this module makes mmengine read checkpoints as data everywhere,
because a pickle may name any function and unpickling calls it. mmengine also
loads only the weights that fit and logs the rest, so a checkpoint of another
model would give a meaningless test result; ``load_weights`` raises an error
instead.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from threading import RLock
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from mmengine.runner.checkpoint import (
    CheckpointLoader,
    _load_checkpoint_to_model,
)
from torch import nn

from . import config_data  # noqa: F401  configs of strangers run nothing
from .facts import read_facts
from .one_line import one_line
from .torch_file import read_torch_file
from .trust import checkpoints_are_trusted

__all__ = [
    'CheckpointError',
    'classes_of',
    'load_weights',
    'read_checkpoint',
]

_lock = RLock()
_REMEDY = (
    'which could run code; get a file that holds only tensors or, if you '
    'trust this one like a program, add --trust-checkpoint'
)


class CheckpointError(ValueError):
    """Error of a checkpoint that cannot be read as data, with the remedy."""


def _load_data(file: Any, *_: Any, **__: Any) -> Any:
    """Stand in for ``torch.load``: the same result, without running code.

    Tensors are on the CPU; whoever loads weights copies them anyway.
    """
    try:
        return read_torch_file(file)
    except OSError:
        raise
    except Exception as error:  # a damaged file may raise anything
        reason = one_line(error, 160)
        if asked := re.match(r'it asks for [^,]{1,80}', reason):
            raise CheckpointError(f'{asked[0]}, {_REMEDY}') from error
        kind = type(error).__name__
        raise CheckpointError(f'{kind}: {reason}'.rstrip(': ')) from error


@contextlib.contextmanager
def _data_alone() -> Iterator[None]:
    """While mmengine loads: it has several ways to ``torch.load``."""
    with _lock:
        load = torch.load
        torch.load = load if checkpoints_are_trusted() else _load_data
        try:
            yield
        finally:
            torch.load = load


def _guard_mmengine() -> None:
    """Wrap the one method by which mmengine and mmdet load checkpoints."""
    load = CheckpointLoader.load_checkpoint.__func__

    def load_checkpoint(
        cls: type,
        filename: str,
        map_location: Any = None,
        logger: Any = 'current',
    ) -> Any:
        try:
            with _data_alone():
                return load(cls, filename, map_location, logger)
        except CheckpointError as error:
            raise CheckpointError(
                f'checkpoint {filename} cannot be read: {error}'
            ) from error

    if load.__module__ != __name__:  # once, even if this is reloaded
        CheckpointLoader.load_checkpoint = classmethod(load_checkpoint)


_guard_mmengine()


# mmengine matches the "prefix" as a pattern against the whole path.
@CheckpointLoader.register_scheme(prefixes=r'.*\.safetensors$')
def load_from_safetensors(filename: str, map_location: Any = None) -> dict:
    """Read a safetensors file where mmengine reads checkpoints.

    With it, ``load_from``, the tools and mmdet's inferencers accept the
    weights that ship.

    Args:
        filename (str): The file.
        map_location (str | torch.device, optional): Where to put them.

    Returns:
        dict: ``state_dict`` in float32; for a file of ``pack_weights.py`` also
        ``meta`` with the classes.
    """
    from safetensors import safe_open

    with safe_open(filename, 'pt', str(map_location or 'cpu')) as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}
        told = (file.metadata() or {}).get('mmsrn', '{}')
    checkpoint: dict[str, Any] = dict(
        state_dict={
            name: x.float() if x.is_floating_point() else x
            for name, x in weights.items()
        }
    )
    if classes := read_facts(told).get('classes'):
        checkpoint['meta'] = dict(dataset_meta=dict(classes=tuple(classes)))
    return checkpoint


def read_checkpoint(path: str) -> dict:
    """Read a checkpoint into the memory of the CPU.

    Only tensors, numbers, text, containers and mmengine's own entries are
    read. No code of the file runs, unless the program was told to trust it.
    Weights of a ``.safetensors`` file become float32.

    Args:
        path (str): A file, or an address that mmengine knows.

    Returns:
        dict: The checkpoint: weights by name, or ``state_dict`` with further
        entries, such as the dict ``meta``.

    Raises:
        ValueError: If it is missing, damaged, not a checkpoint, or needs code
            to read.
    """
    try:
        # mmengine repeats its remarks when it loads the file for the run.
        with contextlib.redirect_stdout(io.StringIO()):
            checkpoint = CheckpointLoader.load_checkpoint(
                path, 'cpu', 'silent'
            )
    except CheckpointError:
        raise
    except Exception as error:  # a damaged file may raise anything
        reason = f'{type(error).__name__}: {one_line(error)}'.rstrip(': ')
        raise CheckpointError(
            f'checkpoint {path} cannot be read: {reason}'
        ) from error
    parts = [checkpoint]
    if isinstance(checkpoint, dict):
        parts += [checkpoint.get(x) or {} for x in ('state_dict', 'meta')]
    for part in parts:
        if not isinstance(part, dict) or any(type(x) is not str for x in part):
            raise CheckpointError(
                f'checkpoint {path} holds a {type(part).__name__} instead of '
                'named weights'
            )
    return checkpoint


def classes_of(checkpoint: dict) -> list[str] | None:
    """Return the class names of a checkpoint.

    Args:
        checkpoint (dict): See :func:`read_checkpoint`.

    Returns:
        list[str], optional: The names, or None if it has none.
    """
    meta = checkpoint.get('meta') or {}
    told = meta.get('dataset_meta')
    told = told.get('classes') if isinstance(told, dict) else None
    told = told or meta.get('CLASSES')  # of mmdet 2
    names = [told] if isinstance(told, str) else told
    if not isinstance(names, (list, tuple)) or not names:
        return None
    return list(names) if all(isinstance(x, str) for x in names) else None


def load_weights(model: nn.Module, checkpoint: dict) -> None:
    """Load a checkpoint into a model; every weight must match.

    Args:
        model (nn.Module): A model, or wrappers of mmengine around it.
        checkpoint (dict): With or without ``state_dict``, which may hold
            averaged weights.

    Raises:
        ValueError: If a name or a shape differs, or a weight is NaN.
    """
    if is_model_wrapper(model):  # mmengine sees through one wrapper alone
        model = model.module
    try:
        _load_checkpoint_to_model(model, checkpoint, strict=True)
    except (AttributeError, RuntimeError, TypeError) as error:
        raise ValueError(one_line(error)) from error
    for name, value in model.state_dict().items():
        if value.is_floating_point() and value.isnan().any():
            raise ValueError(
                f'{name} holds NaN: the training has diverged, or the file is '
                'damaged'
            )
