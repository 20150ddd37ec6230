"""Videos of a square that moves."""

import struct

import cv2
import numpy as np
import pytest

CODECS = {'.mp4': 'mp4v', '.avi': 'MJPG', '.mkv': 'MJPG'}


def picture(index, size=(64, 48)):
    """A red square, 4 pixels further to the right in each frame."""
    image = np.full((*size[::-1], 3), 255, np.uint8)
    image[16:32, 4 * index : 4 * index + 16] = (0, 0, 255)
    return image


@pytest.fixture
def make_video(tmp_path):
    """Function that writes a video with OpenCV alone, and gives its path."""

    def make(name='clip.mp4', frames=8, fps=25, size=(64, 48)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        codec = cv2.VideoWriter_fourcc(*CODECS[path.suffix])
        writer = cv2.VideoWriter(str(path), codec, fps, size)
        for i in range(frames):
            writer.write(picture(i, size))
        writer.release()
        return path

    return make


@pytest.fixture
def turn():
    """Function that turns a .mp4 as phones do: by a matrix in its header."""

    def turn(path, degrees):
        one = 0x10000
        matrix = {
            90: (0, one, 0, -one, 0, 0, 48 * one, 0),
            180: (-one, 0, 0, 0, -one, 0, 64 * one, 48 * one),
            270: (0, -one, 0, one, 0, 0, 0, 64 * one),
        }[degrees]
        data = bytearray(path.read_bytes())
        # ISO 14496-12, 8.3.2, version 0: the matrix is 40 bytes further.
        start = data.index(b'tkhd') + 4 + 40
        data[start : start + 36] = struct.pack('>9i', *matrix, 0x40000000)
        path.write_bytes(data)

    return turn


class Camera:
    """In place of ``cv2.VideoCapture``: a camera of five frames."""

    def __init__(self, number, backend):
        self.left = 5 if number == 0 else 0
        self.released = False

    def isOpened(self):
        return self.left > 0

    def get(self, what):
        return {cv2.CAP_PROP_FPS: 10, cv2.CAP_PROP_FRAME_COUNT: -1}.get(what)

    def read(self):
        self.left -= 1
        return self.left >= 0, picture(4 - self.left)

    def release(self):
        self.released = True


@pytest.fixture
def camera(monkeypatch):
    """Make camera 0 one of five frames; there is no other."""
    monkeypatch.setattr(cv2, 'VideoCapture', Camera)
