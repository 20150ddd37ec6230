"""Models in other precisions: smaller, and nearly the same."""

import copy

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from mmsrn.deployment.onnx_precision import convert


def weights(model, *types):
    return [x for x in model.graph.initializer if x.data_type in types]


@pytest.fixture
def images(noise):
    return noise(2, 97, 131)


def test_half_precision(exported, images, run):
    before = exported.SerializeToString()
    model = convert(exported, 'fp16')
    assert exported.SerializeToString() == before
    onnx.checker.check_model(model, full_check=True)
    half = weights(model, TensorProto.FLOAT16)
    stored = sum(numpy_helper.to_array(x).size for x in half)
    full = weights(exported, TensorProto.FLOAT)
    assert stored > 0.9 * sum(numpy_helper.to_array(x).size for x in full)
    values = {x.name: numpy_helper.to_array(x) for x in full}
    for tensor in half:
        original = values[tensor.name.removesuffix('_half')]
        assert np.array_equal(
            numpy_helper.to_array(tensor), original.astype(np.float16)
        )
    boxes, scores, _ = run(model, images)
    expected, expected_scores, _ = run(exported, images)
    both = (scores > 0) & (expected_scores > 0)
    assert both.mean() > 0.1
    difference = np.abs(scores - expected_scores)[both].max()
    assert 1e-6 < difference < 0.02
    assert np.abs(boxes - expected)[both[..., 0]].max() < 2


def test_weights_out_of_range(exported):
    model = copy.deepcopy(exported)
    tensor = weights(model, TensorProto.FLOAT)[0]
    (user,) = {x.op_type for x in model.graph.node if tensor.name in x.input}
    assert user == 'Conv'
    values = numpy_helper.to_array(tensor).copy()
    values.flat[0] = 1e6
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    with pytest.raises(ValueError, match=r'range of fp16: it is up to 1e\+06'):
        convert(model, 'fp16')


def test_none_and_unknown(exported):
    assert convert(exported, 'fp32') is exported
    with pytest.raises(
        ValueError, match="'fp8' is unknown; choose fp32, fp16, int8"
    ):
        convert(exported, 'fp8')
