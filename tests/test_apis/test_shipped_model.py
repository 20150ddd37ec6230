"""The weights that ship find the faces that anybody has at hand."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.cbook import get_sample_data

from mmsrn import FaceDetector
from mmsrn.low_light import LowLight, simulate_low_light

# Corners that a person drew: from the hair to the chin, ear to ear.
HOPPER = (180, 145, 360, 345)
ASTRONAUT = (180, 75, 268, 182)


@pytest.fixture(scope='module', params=['onnx', 'torch'])
def detector(request):
    return FaceDetector(backend=request.param, device='cpu')


def sample(name):
    """A photo of scikit-image's, which mmdet's dependencies bring."""
    skimage = pytest.importorskip('skimage')
    return Path(skimage.__file__).parent / 'data' / name


def assert_the_only(faces, box):
    assert len(faces) == 1 and faces.scores[0] > 0.8
    (x1, y1, x2, y2), (a1, b1, a2, b2) = faces.boxes[0], box
    shared = max(min(x2, a2) - max(x1, a1), 0)
    shared *= max(min(y2, b2) - max(y1, b1), 0)
    areas = (x2 - x1) * (y2 - y1) + (a2 - a1) * (b2 - b1)
    assert shared / (areas - shared) > 0.6


def test_grace_hopper(detector):
    with get_sample_data('grace_hopper.jpg') as file:
        data = file.read()
    assert_the_only(detector.detect(data), HOPPER)


def test_astronaut(detector):
    assert_the_only(detector.detect(sample('astronaut.png')), ASTRONAUT)


@pytest.mark.parametrize(
    'name', ['rocket.jpg', 'moon.png', 'hubble_deep_field.jpg']
)
def test_no_face(detector, name):
    """A landscape, a moon and the sky."""
    assert len(detector.detect(sample(name))) == 0


def test_in_the_dark(detector):
    """In light that leaves a few grey levels."""
    photo = cv2.imread(str(sample('astronaut.png')))
    dark = simulate_low_light(
        photo, LowLight(exposure=0.01), np.random.default_rng(0)
    )
    assert dark.mean() < 20
    assert_the_only(detector.detect(dark), ASTRONAUT)


def test_backends_agree():
    found = [
        FaceDetector(backend=x, device='cpu', score_thr=0.3).detect(
            sample('astronaut.png')
        )
        for x in ('onnx', 'torch')
    ]
    assert len(found[0]) == len(found[1]) > 0
    # One computes on integers, the other in float32.
    np.testing.assert_allclose(found[0].boxes, found[1].boxes, atol=1)
    np.testing.assert_allclose(found[0].scores, found[1].scores, atol=0.02)
