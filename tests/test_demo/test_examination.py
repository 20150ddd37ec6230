"""Detections that are kept, and those that are shown."""

import numpy as np
import pytest
from PIL import Image

from mmsrn.apis import Faces, PhotoError
from mmsrn.apis.face_detector import FaceDetector
from mmsrn.demo.examination import (
    LOWEST_SCORE,
    SCALES,
    examine,
    face_sizes,
    select_faces,
)

FACES = Faces(
    boxes=np.array(
        [[10, 10, 30, 90], [0, 0, 10, 10], [5, 5, 9, 14]], np.float32
    ),
    scores=np.array([0.9, 0.5, 0.1], np.float32),
    photo=np.zeros((100, 120, 3), np.uint8),
    timing=dict(read=0.0, enhance=0.0, detect=0.1),
)


class Network:
    """A backend: a face of 40 pixels in the middle, and a bad one."""

    facts = {}

    def predict(self, images, factors):
        self.shapes = [x.shape for x in images]
        self.brightness = [x.mean() for x in images]
        return [
            np.array(
                [
                    [w / 2 - 20, h / 2 - 20, w / 2 + 20, h / 2 + 20, 0.9],
                    [0, 0, 20, 20, 0.06],
                ],
                np.float32,
            )
            / np.float32([x, y, x, y, 1])
            for (h, w, _), (x, y) in zip(self.shapes, factors)
        ]


@pytest.fixture
def real_detector(monkeypatch):
    """A detector whose network is :class:`Network`."""
    monkeypatch.setattr(
        'mmsrn.apis.face_detector._make_backend', lambda *_: Network()
    )
    return FaceDetector(score_thr=0.5, min_size=30, scale=640)


def test_keeps_all_that_controls_may_show(real_detector, tmp_path):
    path = tmp_path / 'photo.png'
    Image.new('RGB', (200, 100), (9, 9, 9)).save(path)
    faces = examine(real_detector, str(path), 400, 'linear_gain')
    assert real_detector.backend.shapes == [(200, 400, 3)]
    assert real_detector.backend.brightness[0] > 9
    assert faces.name == 'photo.png'
    assert faces.enhancement == 'linear_gain'
    np.testing.assert_allclose(
        faces.boxes, [[90, 40, 110, 60], [0, 0, 10, 10]]
    )
    # Whoever else uses the detector notices nothing.
    assert real_detector.score_thr == 0.5
    assert real_detector.min_size == 30
    assert real_detector.scale == 640
    assert real_detector.enhance == 'none'


@pytest.mark.parametrize('scale', SCALES.values(), ids=str)
def test_scales_are_those_of_the_detector(real_detector, tmp_path, scale):
    path = tmp_path / 'photo.png'
    Image.new('RGB', (64, 32)).save(path)
    examine(real_detector, str(path), scale, 'none')
    last = scale[-1] if isinstance(scale, list) else scale
    width = 64 if last == 'original' else last
    assert real_detector.backend.shapes == [(width // 2, width, 3)]


@pytest.mark.parametrize('content', [b'', b'text', b'\x89PNG\r\n\x1a\n'])
def test_no_photo(detector, tmp_path, content):
    path = tmp_path / 'a photo.png'
    path.write_bytes(content)
    with pytest.raises(PhotoError) as caught:
        examine(detector, str(path), 640, 'none')
    text = str(caught.value)
    assert text.startswith('a photo.png: ')
    assert str(tmp_path) not in text and '\n' not in text


@pytest.mark.parametrize(
    'score_thr, min_size, kept',
    [
        (LOWEST_SCORE, 0, [0, 1, 2]),
        (0.1, 0, [0, 1, 2]),
        (0.4, 0, [0, 1]),
        (0.6, 0, [0]),
        (0.95, 0, []),
        (0, 10, [0, 1]),
        (0, 11, [0]),
        (0, 41, []),
    ],
)
def test_selected_faces(score_thr, min_size, kept):
    chosen = select_faces(FACES, score_thr, min_size)
    np.testing.assert_array_equal(chosen.boxes, FACES.boxes[kept])
    np.testing.assert_array_equal(chosen.scores, FACES.scores[kept])
    assert chosen.photo is FACES.photo
    assert len(FACES) == 3


def test_size_is_the_root_of_the_area():
    np.testing.assert_allclose(face_sizes(FACES), [40, 10, 6])
