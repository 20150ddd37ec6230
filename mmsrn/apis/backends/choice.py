"""Choice of the backend that runs a model."""

from __future__ import annotations

import importlib.util
import io
import os
import warnings
from contextlib import redirect_stdout
from threading import Lock
from typing import Any

from mmsrn.zoo import DEFAULT_MODEL, ZooError, find_model, path_of

from . import Backend

__all__ = ['make_backend', 'pick_backend']

_TORCH = ('torch', 'mmengine', 'mmcv', 'mmdet')
#: Whoever redirects stdout does so for all threads.
_QUIET = Lock()


def make_backend(
    model: str | os.PathLike | None,
    config: Any,
    backend: str,
    device: str,
    precision: str,
) -> Backend:
    """Read a model.

    Args:
        model (str | PathLike, optional): See ``FaceDetector``.
        config (str | PathLike | Config, optional): See there.
        backend (str): See there.
        device (str): See there.
        precision (str): See there.

    Returns:
        Backend: The backend.

    Raises:
        ZooError: If the model cannot be found or used.
    """
    if backend not in ('auto', 'torch', 'onnx'):
        raise ZooError(f"backend={backend!r} is not 'auto', 'torch' or 'onnx'")
    if config is not None:
        if model is None:
            raise ZooError('config needs a checkpoint: pass the model too')
        if backend == 'onnx':
            raise ZooError(
                'backend=onnx takes no config; export the model to ONNX'
            )
        backend = 'torch'
    model = DEFAULT_MODEL if model is None else model
    if backend == 'auto':
        backend = pick_backend(model, device, precision)
    if backend == 'torch':
        _require(*_TORCH, remedy="pip install 'mmsrn[onedl]'")
        path = find_model(model, 'torch')
        # mmdet talks while it is imported, of what it has no use for.
        with (
            _QUIET,
            redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings('ignore', 'faster_coco_eval')
            from .torch_backend import TorchBackend

            return TorchBackend(path, config, device, precision)
    if precision != 'float32':
        raise ZooError(
            'backend=onnx uses the precision of its file; export one with '
            'tools/deployment/export_onnx.py --precision'
        )
    _require('onnxruntime', remedy='pip install onnxruntime')
    from .onnx_backend import OnnxBackend

    return OnnxBackend(find_model(model, 'onnx'), device)


def pick_backend(
    model: str | os.PathLike, device: str, precision: str = 'float32'
) -> str:
    """Choose the backend of ``'auto'``.

    A model that is a file has one backend. One of the zoo has a file for each:
    on a CPU, ONNX Runtime is faster; a GPU and other precisions need PyTorch.

    Args:
        model (str | PathLike): See ``FaceDetector``.
        device (str): See there.
        precision (str): See there.

    Returns:
        str: ``'torch'`` or ``'onnx'``.
    """
    suffix = os.path.splitext(path_of(os.fspath(model)))[1]
    if suffix:
        return 'onnx' if suffix == '.onnx' else 'torch'
    if precision != 'float32' or device not in ('auto', 'cpu'):
        return 'torch'
    if device == 'cpu' or not _has(*_TORCH):
        return 'onnx'
    import torch

    return 'torch' if torch.cuda.is_available() else 'onnx'


def _has(*packages: str) -> bool:
    return all(importlib.util.find_spec(x) is not None for x in packages)


def _require(*packages: str, remedy: str) -> None:
    for name in packages:
        if not _has(name):
            raise ZooError(f'{name} is not installed: {remedy}')
