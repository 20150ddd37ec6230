"""Smaller and faster ONNX models: half-precision weights, or integers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from .quantization import quantize

__all__ = ['PRECISIONS', 'convert']

PRECISIONS = ('fp32', 'fp16', 'int8')


def convert(
    model: ModelProto, precision: str, photos: Iterable[np.ndarray] = ()
) -> ModelProto:
    """Store a model in another precision.

    ``'fp16'`` halves the file: the weights of convolutions are stored in
    half precision, and computing stays in float32, as CPUs have no fast
    convolutions in half precision.  Runtimes turn the weights back when they
    load the file, so it takes as long to run as the original.

    ``'int8'`` runs convolutions on 8-bit integers, see :func:`quantize`.
    With batch norms and on processors with VNNI, this takes half the time.

    Args:
        model (ModelProto): In float32.
        precision (str): One of :data:`PRECISIONS`.
        photos (Iterable[np.ndarray]): For ``'int8'``, see :func:`quantize`.

    Returns:
        ModelProto: The same model for ``'fp32'``, else another one.

    Raises:
        ValueError: If the precision is unknown, weights exceed the range of
            half precision, or ``'int8'`` gets no photos.
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f'precision {precision!r} is unknown; choose '
            f'{", ".join(PRECISIONS)}'
        )
    if precision == 'fp16':
        return _with_half_weights(model)
    return quantize(model, photos) if precision == 'int8' else model


def _with_half_weights(model: ModelProto) -> ModelProto:
    result = ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    used = {x for node in graph.node for x in _weights(node)}
    casts = []
    for tensor in graph.initializer:
        if tensor.name not in used or tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over='ignore'):
            half = values.astype(np.float16)
        if not np.isfinite(half).all():
            raise ValueError(
                f'weight {tensor.name} exceeds the range of fp16: it is up to '
                f'{np.abs(values).max():g}; use fp32'
            )
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f'{name}_half'))
        casts.append(
            helper.make_node(
                'Cast', [tensor.name], [name], to=TensorProto.FLOAT
            )
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return result


def _weights(node: onnx.NodeProto) -> list[str]:
    """Weight and bias of a convolution."""
    return list(node.input[1:]) if node.op_type == 'Conv' else []
