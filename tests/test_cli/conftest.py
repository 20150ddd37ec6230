"""The command, with a network that is known."""

import os
import signal
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmsrn.apis import face_detector
from mmsrn.cli.main import main
from mmsrn.utils.errors import UserError

RED, WHITE = (0, 0, 255), (255, 255, 255)


class RedSquares:
    """Finds red squares, with their side in per cent as score."""

    def __init__(self):
        self.facts = dict(score_thr=0.1, test_scale='original')

    def predict(self, images, factors):
        return [self._find(*x) for x in zip(images, factors)]

    def _find(self, image, factors):
        red = (image[..., 2] > 128) & (image[..., 0] < 128)
        _, _, stats, _ = cv2.connectedComponentsWithStats(red.astype('uint8'))
        rows = [
            (x, y, x + w, y + h, min(w, h, 100) / 100)
            for x, y, w, h, _ in stats[1:]
        ]
        rows = np.array(rows, np.float32).reshape(-1, 5)
        rows[:, :4] /= factors * 2
        return rows[np.argsort(-rows[:, 4], kind='stable')]


@pytest.fixture
def made(monkeypatch):
    """Arguments of each network that is made; it finds red squares."""
    calls = []

    def make(*args):
        calls.append(args)
        return RedSquares()

    monkeypatch.setattr(face_detector, '_make_backend', make)
    return calls


@pytest.fixture
def mmsrn(capsys):
    """Function that runs the command, and tells status and output."""

    def run(*args):
        capsys.readouterr()
        try:
            status = main([str(x) for x in args])
        except SystemExit as ended:
            status = ended.code
        return SimpleNamespace(status=status, **capsys.readouterr()._asdict())

    return run


@pytest.fixture
def paint(tmp_path, monkeypatch):
    """Function that paints red squares x, y, side; runs start there."""
    monkeypatch.chdir(tmp_path)

    def paint(name, *squares, size=(80, 60)):
        photo = np.full((*size[::-1], 3), WHITE, np.uint8)
        for x, y, side in squares:
            photo[y : y + side, x : x + side] = RED
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), photo)
        return path

    return paint


@pytest.fixture
def film(tmp_path, monkeypatch):
    """Function that films a square of 20 on its way to the right."""
    monkeypatch.chdir(tmp_path)

    def film(name, frames=6, fps=25, size=(80, 60)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = 'mp4v' if path.suffix == '.mp4' else 'MJPG'
        codec = cv2.VideoWriter_fourcc(*kind)
        writer = cv2.VideoWriter(str(path), codec, fps, size)
        for i in range(frames):
            photo = np.full((*size[::-1], 3), WHITE, np.uint8)
            photo[20:40, 8 * i : 8 * i + 20] = RED
            writer.write(photo)
        writer.release()
        return path

    return film


@pytest.fixture
def error_of():
    """Function that returns the error a call raises, of one line."""

    def run(function, *args):
        with pytest.raises(UserError) as raised:
            function(*args)
        message = str(raised.value)
        assert message and '\n' not in message
        return message

    return run


@pytest.fixture
def interrupt(monkeypatch):
    """Press Ctrl-C while the second picture is looked at."""
    predict, calls = face_detector.FaceDetector._look, []

    def look(self, images):
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return predict(self, images)

    monkeypatch.setattr(face_detector.FaceDetector, '_look', look)
    # In the background of a shell the tests would ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
