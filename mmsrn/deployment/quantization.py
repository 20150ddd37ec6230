"""Convolutions on 8-bit integers, with ranges measured on photos."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
import onnx

__all__ = ['quantize']

#: The first convolutions stay in float32: they take little time, and their
#: error is the largest.
_FIRST = 3
#: What works on integers between two convolutions.
_OPERATORS = [
    'Add',
    'Clip',
    'Concat',
    'Conv',
    'Relu',
    'Resize',
    'Slice',
    'Transpose',
]


def quantize(
    model: onnx.ModelProto, photos: Iterable[np.ndarray]
) -> onnx.ModelProto:
    """Quantise a detector with onnxruntime's static quantisation.

    Weights get 7 bits, with a scale for each output channel, and maps 8 bits,
    with a scale and a zero point for each map. With 8 bits for weights, sums
    of two products overflow on processors without VNNI. The first three
    convolutions, the predictors, and everything after these, such as the
    decoding of boxes, stay in float32.

    Args:
        model (onnx.ModelProto): In float32, with one input of photos.
        photos (Iterable[np.ndarray]): What the network is to see: uint8 (h,
            w, 3) each, of any sizes. The least and the greatest value of each
            map in these photos is the range of its integers.

    Returns:
        onnx.ModelProto: Another model, without metadata.

    Raises:
        ValueError: If there is no photo.
    """
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    photos = iter(photos)
    first = next(photos, None)
    if first is None:
        raise ValueError('int8 needs photos to measure the range of maps')
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder, 'model.onnx')
        onnx.save(model, path)  # a model in memory would change
        quant_pre_process(path, path, skip_symbolic_shape=True)
        prepared = onnx.load(path)
        for index, node in enumerate(prepared.graph.node):
            node.name = node.name or f'node_{index}'
        quantize_static(
            prepared,
            path,
            _Reader(prepared.graph.input[0].name, chain([first], photos)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_OPERATORS,
            nodes_to_quantize=_inner_nodes(prepared.graph),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        result = onnx.load(path)
    domains = {x.domain for x in result.graph.node}
    used = [x for x in result.opset_import if x.domain in domains]
    del result.opset_import[:]  # many of onnxruntime's own
    result.opset_import.extend(used)
    return result


class _Reader:
    """Photos as onnxruntime's calibration asks for them."""

    def __init__(self, name: str, photos: Iterable[np.ndarray]) -> None:
        self._inputs = ({name: photo[None]} for photo in photos)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._inputs, None)


def _inner_nodes(graph: onnx.GraphProto) -> list[str]:
    """Names of nodes from the fourth convolution on that feed another one."""
    depths: dict[str, int] = {}  # convolutions on the way to a tensor
    deep = set()
    for node in graph.node:
        depth = max((depths.get(x, 0) for x in node.input), default=0)
        if depth >= _FIRST:
            deep.add(node.name)
        depth += node.op_type == 'Conv'
        depths.update(dict.fromkeys(node.output, depth))
    names, feeding = [], set()  # tensors that a convolution depends on
    for node in reversed(graph.node):
        feeds = not feeding.isdisjoint(node.output)
        if feeds or node.op_type == 'Conv':
            feeding.update(node.input)
        if feeds and node.name in deep:
            names.append(node.name)
    return names


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep onnxruntime from giving advice to the root logger."""
    logger = logging.getLogger()
    level, handlers = logger.level, logger.handlers[:]
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.handlers[:] = handlers
