"""Videos that others can play, whole or not there."""

import resource
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from mmsrn.video import VideoReader, VideoWriter

SIZE = (64, 48)
LOSS = 5  # of the codecs, of 255


def grey(value, size=SIZE):
    return np.full((*size[::-1], 3), value, np.uint8)


def write(path, values, fps=25, size=SIZE, times=None):
    with VideoWriter(path, fps) as video:
        for i, value in enumerate(values):
            video.write(grey(value, size), times and times[i])
    return video


def levels(path):
    """Mean of each frame, as OpenCV alone reads it."""
    capture, found = cv2.VideoCapture(str(path)), []
    while True:
        good, image = capture.read()
        if not good:
            return found
        found.append(round(float(image.mean())))


@pytest.mark.parametrize('suffix', ['.mp4', '.avi'])
@pytest.mark.parametrize('fps', [25, 29.97, 7.5])
def test_what_is_written_can_be_read(tmp_path, suffix, fps):
    path = tmp_path / f'new/folder/a{suffix}'
    values = [20, 60, 100, 140, 180]
    assert write(path, values, fps).num_frames == 5
    assert np.abs(np.subtract(levels(path), values)).max() <= LOSS
    with VideoReader(path) as video:
        assert (video.fps, video.num_frames) == (pytest.approx(fps), 5)
        assert next(iter(video)).image.shape == (48, 64, 3)
    assert [x.name for x in path.parent.iterdir()] == [path.name]


def test_odd_sides_grow(tmp_path):
    write(tmp_path / 'a.mp4', [90], size=(63, 47))
    with VideoReader(tmp_path / 'a.mp4') as video:
        image = next(iter(video)).image
    assert image.shape == (48, 64, 3)
    assert np.abs(image.astype(int) - 90).max() <= LOSS  # no black edge


def test_another_size_is_not_lost(tmp_path):
    with VideoWriter(tmp_path / 'a.mp4', 25) as video:
        video.write(grey(20))
        video.write(grey(200, (80, 40)))
    assert (
        np.abs(np.subtract(levels(tmp_path / 'a.mp4'), [20, 200])).max()
        <= LOSS
    )


def test_frames_are_shown_when_they_came(tmp_path):
    """At 0, 0.1 and 0.4 s with 10 frames in a second; one comes too early."""
    times = [0, 0.1, 0.12, 0.4]
    video = write(tmp_path / 'a.mp4', [20, 60, 255, 140], 10, times=times)
    assert video.num_frames == 5
    found = levels(tmp_path / 'a.mp4')
    assert np.abs(np.subtract(found, [20, 60, 140, 140, 140])).max() <= LOSS


def test_nothing_is_half_written(tmp_path):
    path = tmp_path / 'a.mp4'
    path.write_bytes(b'former')
    with pytest.raises(KeyboardInterrupt):
        with VideoWriter(path, 25) as video:
            video.write(grey(20))
            raise KeyboardInterrupt
    assert path.read_bytes() == b'former'
    assert list(tmp_path.iterdir()) == [path]


@contextmanager
def small_files(size):
    """As on a full disk: no file grows over this size."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


@pytest.mark.parametrize('suffix', ['.mp4', '.avi'])
def test_full_disk(tmp_path, suffix):
    path = tmp_path / f'a{suffix}'
    noise = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3))
    with small_files(20000), pytest.raises(OSError, match='disk full') as e:
        with VideoWriter(path, 25) as video:
            for image in noise.astype(np.uint8):
                video.write(image)
    assert str(e.value).startswith(f'{path}: cannot be written: some of')
    assert list(tmp_path.iterdir()) == []


def test_refusals(tmp_path):
    with pytest.raises(
        ValueError, match='a.gif: the name of a video must end in .mp4'
    ):
        VideoWriter('a.gif', 25)
    for fps in (0, -1, float('nan')):
        with pytest.raises(ValueError, match='must be above 0'):
            VideoWriter('a.mp4', fps)
    with pytest.raises(OSError, match='of the 0 frames'):
        with VideoWriter(tmp_path / 'a.mp4', 25):
            pass
    (tmp_path / 'file').touch()
    with pytest.raises(OSError):
        with VideoWriter(tmp_path / 'file/a.mp4', 25):
            pass
