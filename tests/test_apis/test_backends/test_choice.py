"""Which backend runs a model, if nobody says."""

import pytest
import torch

from mmsrn.apis.backends import choice
from mmsrn.apis.backends.choice import pick_backend


@pytest.fixture(params=[False, True], ids=['no GPU', 'GPU'])
def gpu(request, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: request.param)
    return request.param


def test_files_have_one_backend(gpu):
    assert pick_backend('a/b.onnx', 'auto') == 'onnx'
    assert pick_backend('a/b.safetensors', 'cpu') == 'torch'
    address = 'https://example.org/b.onnx?download=true#sha256=0'
    assert pick_backend(address, 'auto') == 'onnx'


def test_models_of_the_zoo(gpu):
    assert pick_backend('srn_mobilenetv2', 'cpu') == 'onnx'
    assert pick_backend('srn_mobilenetv2', 'cuda:1') == 'torch'
    assert pick_backend('srn_mobilenetv2', 'cpu', 'bfloat16') == 'torch'
    expected = 'torch' if gpu else 'onnx'
    assert pick_backend('srn_mobilenetv2', 'auto') == expected


def test_without_torch(gpu, monkeypatch):
    monkeypatch.setattr(choice, '_has', lambda *packages: False)
    assert pick_backend('srn_mobilenetv2', 'auto') == 'onnx'
