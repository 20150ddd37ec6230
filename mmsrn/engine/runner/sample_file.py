"""A result as a file of numbers and text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.structures import (
    BaseDataElement,
    InstanceData,
    LabelData,
    PixelData,
)
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

__all__ = ['read_sample', 'write_sample']

_ELEMENTS = {
    x.__name__: x
    for x in (
        BaseDataElement, DetDataSample, InstanceData, LabelData, PixelData
    )
}  # fmt: skip


def write_sample(path: Path, sample: BaseDataElement) -> None:
    """Write a result.

    Args:
        path (Path): The file to write, safetensors: the tensors, and the rest
            as json.
        sample (BaseDataElement): The result, on any device.

    Raises:
        OSError: If it cannot be written.
        TypeError: If it holds something else than numbers, texts, tensors,
            arrays, and containers of them.
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_encode(sample, tensors))
    path.write_bytes(save(tensors, {'sample': text}))


def read_sample(path: Path) -> BaseDataElement:
    """Read what :func:`write_sample` wrote.

    Args:
        path (Path): The file.

    Returns:
        BaseDataElement: The result, on the CPU.

    Raises:
        Exception: Of any kind, if the file is damaged.
    """
    with safe_open(path, 'pt') as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        tree = json.loads(file.metadata()['sample'])
    return _decode(tree, tensors)


def _encode(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Plain values stay; all others become a list: their kind, and parts."""

    def keep(tensor: Tensor) -> str:
        name = str(len(tensors))
        # Memory of its own: safetensors shares none.
        tensors[name] = tensor.detach().cpu().contiguous().clone()
        return name

    def each(values: Any) -> list:
        return [_encode(x, tensors) for x in values]

    if value is None or type(value) in (bool, float, int, str):
        return value
    if isinstance(value, Tensor):
        return ['tensor', keep(value)]
    if isinstance(value, (np.ndarray, np.generic)):
        kind = 'array' if isinstance(value, np.ndarray) else 'scalar'
        return [kind, keep(torch.from_numpy(np.array(value)))]
    if type(value) is HorizontalBoxes:
        return ['boxes', keep(value.tensor)]
    if type(value) in (list, tuple):
        return [type(value).__name__, *each(value)]
    if type(value) is dict and all(type(x) is str for x in value):
        return ['dict', *each(value.items())]
    if _ELEMENTS.get(type(value).__name__) is type(value):
        facts, data = (
            each(sorted(x, key=lambda item: item[0]))
            for x in (value.metainfo_items(), value.items())
        )
        return [type(value).__name__, facts, data]
    raise TypeError(f'a {type(value).__name__} is no number or text')


def _decode(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if type(tree) is not list:
        return tree
    kind, *parts = tree
    if kind in ('tensor', 'array', 'scalar', 'boxes'):
        (tensor,) = (tensors[x] for x in parts)
        if kind == 'tensor':
            return tensor
        if kind == 'boxes':
            return HorizontalBoxes(tensor)
        array = tensor.numpy()
        return array if kind == 'array' else array[()]
    if kind in _ELEMENTS:
        facts, data = ([_decode(x, tensors) for x in y] for y in parts)
        element = _ELEMENTS[kind](metainfo=dict(facts))
        for name, value in data:
            setattr(element, name, value)
        return element
    values = [_decode(x, tensors) for x in parts]
    return {'list': list, 'tuple': tuple, 'dict': dict}[kind](values)
