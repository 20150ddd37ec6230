"""Detectors on 8-bit integers."""

import logging

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mmsrn.deployment.onnx_nms import add_nms
from mmsrn.deployment.postprocess import postprocess
from mmsrn.deployment.quantization import _inner_nodes, quantize


@pytest.fixture(scope='module')
def photos(noise):
    return [*noise(3, 97, 131), *noise(2, 64, 80)]


@pytest.fixture(scope='module')
def quantized(exported, photos):
    before = exported.SerializeToString()
    handlers = logging.getLogger().handlers[:]
    model = quantize(exported, photos)
    assert exported.SerializeToString() == before
    assert logging.getLogger().handlers == handlers
    return model


def producers(graph):
    return {y: x for x in graph.node for y in x.output}


def test_results(exported, quantized, noise, run):
    onnx.checker.check_model(quantized, full_check=True)
    assert {x.domain for x in quantized.opset_import} == {''}
    size = len(quantized.SerializeToString())
    assert size < 0.6 * len(exported.SerializeToString())
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


def test_ranges_come_from_the_photos(exported, quantized, noise, run):
    """A black photo leaves ranges that other photos exceed."""
    images = noise(3, 97, 131)
    black = quantize(exported, [np.zeros_like(images[0])])
    _, expected, _ = run(exported, images)
    far, near = (
        np.abs(run(x, images)[1] - expected).mean() for x in (black, quantized)
    )
    assert far > 1.5 * near


def test_with_nms(quantized, small_facts, noise, run):
    """NMS can follow, and finds what postprocess finds."""
    image = noise(1, 97, 131)
    boxes, scores, levels = run(quantized, image)
    model = add_nms(quantized, small_facts, len(set(levels.tolist())))
    found, found_scores, _ = run(model, image)
    limits = small_facts.limits
    expected, expected_scores, _ = postprocess(
        boxes[0], scores[0], levels, **limits
    )
    assert len(found) == len(expected) > 10
    np.testing.assert_allclose(found_scores, expected_scores, atol=1e-6)
    np.testing.assert_allclose(found, expected, atol=1e-3)


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
    assert set(_inner_nodes(graph)) == {'r3', 'c4', 'k4'}
