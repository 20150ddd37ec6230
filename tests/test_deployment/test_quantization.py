"""Detectors on 8-bit integers."""

import copy

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mmsrn.deployment.quantization import _inner_nodes, quantize
from mmsrn.deployment.session import start_session


def run(model, images):
    return start_session(model.SerializeToString()).run(
        None, {'images': images}
    )


@pytest.fixture(scope='module')
def photos(noise):
    return [*noise(3, 97, 131), *noise(2, 64, 80)]


@pytest.fixture(scope='module')
def quantized(exported, photos):
    return quantize(exported, photos)


def producers(graph):
    return {y: x for x in graph.node for y in x.output}


def test_results(exported, quantized, noise):
    before = exported.SerializeToString()
    onnx.checker.check_model(quantized, full_check=True)
    assert len(quantized.SerializeToString()) < 0.6 * len(before)
    images = noise(2, 97, 131)
    boxes, scores, levels = run(quantized, images)
    exact, expected, same = run(exported, images)
    assert np.array_equal(levels, same)
    both = (scores > 0) & (expected > 0)
    assert both.mean() > 0.1
    difference = np.abs(scores - expected)[both]
    assert difference.max() > 1e-4
    assert difference.mean() < 0.03
    assert np.abs(boxes - exact)[both[..., 0]].mean() < 2


def test_the_model_given_stays(exported, photos):
    before = exported.SerializeToString()
    quantize(exported, photos[:1])
    assert exported.SerializeToString() == before


def test_what_stays_in_float(exported, quantized):
    """All but three first convolutions and the predictors take integers."""
    made = producers(quantized.graph)
    convolutions = [x for x in quantized.graph.node if x.op_type == 'Conv']
    in_float = [
        x
        for x in convolutions
        if getattr(made.get(x.input[1]), 'op_type', '') != 'DequantizeLinear'
    ]
    assert len(convolutions) == sum(
        x.op_type == 'Conv' for x in exported.graph.node
    )
    first = convolutions[:3]
    assert all(x in in_float for x in first)
    names = {x.name for x in in_float if x not in first}
    assert names
    assert all('/conv_' in x and '_convs' not in x for x in names), names


def test_weights(quantized):
    """Weights have 7 bits, with a scale for each output channel."""
    values = {x.name: x for x in quantized.graph.initializer}
    made = producers(quantized.graph)
    seen = 0
    for node in quantized.graph.node:
        source = made.get(node.input[1]) if node.op_type == 'Conv' else None
        if source is None:
            continue
        weight = numpy_helper.to_array(values[source.input[0]])
        scale = numpy_helper.to_array(values[source.input[1]])
        assert weight.dtype == np.int8
        assert np.abs(weight.astype(int)).max() <= 64
        assert scale.shape == weight.shape[:1]
        seen += 1
    assert seen > 10


def test_ranges_come_from_the_photos(exported, noise):
    """Black photos leave ranges that other photos exceed."""
    images = noise(1, 97, 131)
    black = quantize(exported, [np.zeros_like(images[0])])
    own = quantize(exported, [images[0]])
    _, expected, _ = run(exported, images)
    errors = [
        np.abs(run(x, images)[1] - expected).mean() for x in (black, own)
    ]
    assert errors[0] > 1.5 * errors[1]


def test_no_photos(exported):
    with pytest.raises(ValueError, match='int8 needs photos'):
        quantize(exported, [])


def test_inner_nodes():
    """By hand: a chain of five convolutions, a branch, and a decoding."""
    steps = [
        ('Conv', 'in', 'c1'),
        ('Relu', 'c1', 'r1'),
        ('Conv', 'r1', 'c2'),
        ('Conv', 'c2', 'c3'),
        ('Relu', 'c3', 'r3'),
        ('Conv', 'r3', 'c4'),
        ('Clip', 'c4', 'k4'),
        ('Conv', 'k4', 'c5'),
        ('Relu', 'c5', 'out'),
        ('Clip', 'k4', 'other'),
    ]
    nodes = [helper.make_node(k, [a], [b], name=b) for k, a, b in steps]
    values = [
        helper.make_tensor_value_info(x, TensorProto.FLOAT, None)
        for x in ('in', 'out')
    ]
    graph = helper.make_graph(nodes, 'chain', values[:1], values[1:])
    assert set(_inner_nodes(copy.deepcopy(graph))) == {'r3', 'c4', 'k4'}
