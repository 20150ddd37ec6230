"""``mmsrn detect`` of videos and cameras."""

import json
import os
import signal

import cv2
import numpy as np
import pytest


def test_video(mmsrn, made, film, tmp_path):
    film('in/c.avi', frames=6, fps=12.5)
    film('in/d.mp4', frames=3)
    done = mmsrn(
        *('detect', 'in/*.*', 'in/c.avi', 'in/d.mp4', '--out', 'drawn'),
        *('--json', 'faces.json', '--wider', 'text', '--batch-size', 4),
    )
    assert done.status == 1  # in/*.* is a pattern of photos
    assert 'in/*.*: no image matches this pattern' in done.err
    assert done.err.startswith('9 frames, 9 faces in ')
    records = json.loads((tmp_path / 'faces.json').read_text())
    assert [(x['name'], x['frame']) for x in records] == [
        *(('in/c.avi', i) for i in range(6)),
        *(('in/d.mp4', i) for i in range(3)),
    ]
    for i, record in enumerate(records[:6]):
        assert record['time'] == pytest.approx(i / 12.5)
        assert (record['width'], record['height']) == (80, 60)
        (face,) = record['faces']
        expected = [8 * i, 20, 8 * i + 20, 40]
        assert np.abs(np.subtract(face['box'], expected)).max() <= 2
    for name, frames, fps in (('c', 6, 12.5), ('d', 3, 25)):
        capture = cv2.VideoCapture(f'drawn/{name}.mp4')
        assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == frames
        assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(fps)
        read = []
        while (answer := capture.read())[0]:
            read.append(answer[1])
        assert len(read) == frames and read[0].shape == (60, 80, 3)
        # The left edge of the box is no longer red.
        assert read[2][25:35, 16, 1].min() > 60
        texts = sorted(x.name for x in (tmp_path / 'text' / name).iterdir())
        assert texts == [f'{i:06d}.txt' for i in range(frames)]
    first = (tmp_path / 'text/c/000005.txt').read_text().splitlines()
    assert first[:2] == ['000005', '1']


def test_first_frames_of_a_video(mmsrn, made, film):
    film('c.avi')
    done = mmsrn('detect', 'c.avi', '--frames', 2, '--batch-size', 5)
    assert (done.status, done.err) == (0, '')
    first, second = done.out.splitlines()
    assert first.startswith('c.avi: frame 0, 0.00 s: 1 face, best score ')
    assert second.startswith('c.avi: frame 1, 0.04 s: 1 face, best score ')


class Camera:
    """In place of ``cv2.VideoCapture``: a camera of a hundred frames."""

    def __init__(self, number, backend):
        self.read_frames = 0

    def isOpened(self):
        return True

    def get(self, what):
        return 0

    def read(self):
        self.read_frames += 1
        photo = np.full((60, 80, 3), 255, np.uint8)
        photo[20:40, 20:40] = (0, 0, 255)
        return self.read_frames <= 100, photo

    def release(self):
        pass


@pytest.fixture
def camera(paint, monkeypatch):
    """Make all cameras those; files are opened as usual."""
    real = cv2.VideoCapture
    monkeypatch.setattr(
        cv2,
        'VideoCapture',
        lambda x, *args: (Camera if isinstance(x, int) else real)(x, *args),
    )


def test_camera_ends_with_ctrl_c(mmsrn, made, camera, interrupt):
    before = signal.getsignal(signal.SIGINT)
    done = mmsrn('detect', 0, '--json', 'faces.json', '--out', 'drawn')
    assert done.status == 0
    assert done.err.startswith('2 frames, 2 faces in ')
    records = json.load(open('faces.json'))
    assert [x['frame'] for x in records] == [0, 1]
    assert {x['name'] for x in records} == {'camera 0'}
    assert records[0]['time'] == 0 < records[1]['time']
    assert os.listdir('drawn') == ['camera_0.mp4']
    assert signal.getsignal(signal.SIGINT) is before


def test_camera_for_some_frames(mmsrn, made, camera):
    done = mmsrn('detect', 0, '--frames', 3)
    assert (done.status, done.err) == (0, '')
    assert len(done.out.splitlines()) == 3
    assert done.out.startswith('camera 0: frame 0, 0.00 s: 1 face, ')


def test_camera_that_stops_is_told(mmsrn, made, camera):
    done = mmsrn('detect', 0, '--json', 'faces.json')
    assert done.status == 1 and len(json.load(open('faces.json'))) == 100
    assert 'camera 0: stopped sending after 100 frames' in done.err
