"""Faces of videos: every frame, in batches, with its place."""

from types import SimpleNamespace

import numpy as np
import pytest

from mmsrn.apis import Faces
from mmsrn.video import VideoReader, detect_faces


class Detector:
    """One face a frame: where it is red."""

    channel_order = 'bgr'

    def __init__(self, batch_size):
        self.batch_size = batch_size
        self.batches = []

    def detect(self, images):
        self.batches.append(len(images))
        return [self._find(x) for x in images]

    def _find(self, image):
        columns = (image[..., 1] < 128).any(0).nonzero()[0]
        box = [columns[0], 16, columns[-1] + 1, 32]
        return Faces(
            np.array([box], np.float32),
            np.array([0.5], np.float32),
            image,
            timing=dict(read=0.0, enhance=0.0, detect=0.25),
        )


@pytest.mark.parametrize(
    'size, batches', [(1, [1] * 8), (3, [3, 3, 2]), (50, [8])]
)
def test_every_frame_in_batches(make_video, size, batches):
    path, detector = make_video(fps=10), Detector(size)
    with VideoReader(path) as video:
        found = list(detect_faces(detector, video))
    assert detector.batches == batches
    for i, item in enumerate(found):
        box = item.faces.boxes[0]
        assert abs(box[0] - 4 * i) <= 1 and abs(box[2] - 4 * i - 16) <= 1
        assert item.to_dict() == dict(
            name=str(path),
            frame=i,
            time=pytest.approx(i / 10),
            width=64,
            height=48,
            enhancement=None,
            timing=dict(read=0, enhance=0, detect=0.25),
            faces=[dict(box=[float(x) for x in box], score=0.5)],
        )
    assert list(item.to_dict())[:3] == ['name', 'frame', 'time']


def test_no_more_than_asked_and_no_more_than_a_batch(make_video):
    detector = Detector(2)
    with VideoReader(make_video()) as video:
        taken = detect_faces(detector, video, max_frames=5)
        next(taken)
        assert detector.batches == [2] and video._last.index == 1
        assert len(list(taken)) == 4
        assert detector.batches == [2, 2, 1]
        assert video._last.index == 4 and video.problem == ''


def test_camera_gets_no_batches(camera):
    detector = Detector(4)
    with VideoReader(0) as video:
        found = list(detect_faces(detector, video))
    assert detector.batches == [1] * 5
    assert {x.faces.name for x in found} == {'camera 0'}


def test_other_channels_are_refused():
    with pytest.raises(ValueError, match="channel_order='bgr'"):
        next(detect_faces(SimpleNamespace(channel_order='rgb'), None))
