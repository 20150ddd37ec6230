"""Frames, their places and times, and videos that are not whole."""

from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmsrn.video import VideoError, VideoReader


def red_box(image):
    """First and last column and row of what is red."""
    red = (image[..., 2] > 128) & (image[..., 1] < 128)
    columns, rows = red.any(0).nonzero()[0], red.any(1).nonzero()[0]
    return columns[0], columns[-1] + 1, rows[0], rows[-1] + 1


@pytest.fixture
def telling(monkeypatch):
    """Function that makes OpenCV tell other properties of a video."""
    real = cv2.VideoCapture

    def tell(claims):
        def make(*args):
            capture = real(*args)
            return SimpleNamespace(
                isOpened=capture.isOpened,
                read=capture.read,
                release=capture.release,
                get=lambda x: claims.get(x, capture.get(x)),
            )

        monkeypatch.setattr(cv2, 'VideoCapture', make)

    return tell


@pytest.mark.parametrize('name', ['a.mp4', 'a.avi', 'a.mkv'])
@pytest.mark.parametrize('fps', [25, 29.97])
def test_frames(make_video, name, fps):
    path = make_video(name, fps=fps)
    with VideoReader(path) as video:
        assert video.name == str(path) and not video.is_live
        assert (video.fps, video.num_frames) == (pytest.approx(fps), 8)
        frames = list(video)
        assert video.problem == ''
    assert [x.index for x in frames] == list(range(8))
    # Matroska has whole milliseconds.
    np.testing.assert_allclose(
        [x.time for x in frames], np.arange(8) / fps, atol=6e-4
    )
    for frame in frames:
        assert frame.image.shape == (48, 64, 3)
        x = 4 * frame.index
        expected = [x, x + 16, 16, 32]
        assert np.abs(np.subtract(red_box(frame.image), expected)).max() <= 1


def test_one_frame_is_read_at_a_time(make_video, monkeypatch):
    path, reads = make_video(), []
    read = VideoReader._read
    monkeypatch.setattr(
        VideoReader, '_read', lambda self: reads.append(1) or read(self)
    )
    with VideoReader(path) as video:
        for i, _ in enumerate(video, 1):
            assert len(reads) == i
    assert len(reads) == 9
    assert list(video) == []  # once only


@pytest.mark.parametrize(
    'degrees, box', [(90, (16, 32, 0, 16)), (180, (48, 64, 16, 32)),
                     (270, (16, 32, 48, 64))]
)  # fmt: skip
def test_turned_as_the_file_says(make_video, turn, degrees, box):
    path = make_video()
    turn(path, degrees)
    with VideoReader(path) as video:
        image = next(iter(video)).image
    assert image.shape == ((48, 64, 3) if degrees == 180 else (64, 48, 3))
    assert np.abs(np.subtract(red_box(image), box)).max() <= 1


def test_cut_off_files_keep_what_can_be_read(make_video, tmp_path, capfd):
    for name in ('a.avi', 'a.mkv'):
        data = make_video(name, frames=16).read_bytes()
        path = tmp_path / f'cut_{name}'
        path.write_bytes(data[: len(data) * 3 // 4])
        with VideoReader(path) as video:
            read = len(list(video))
            assert 1 < read < 14
            end = (read - 1) / 25
            assert video.problem == (
                f'{path}: ends at {end:.2f} of 0.64 s, the rest is missing or '
                f'damaged; the first {read} frames were used'
            )
    assert capfd.readouterr() == ('', '')  # nothing of FFmpeg's


def test_no_problem_where_the_reader_was_left(make_video):
    with VideoReader(make_video()) as video:
        next(iter(video))
        assert video.problem == ''


def test_varying_rate_is_no_problem(make_video, telling):
    """Announced are length times rate, and fewer frames come."""
    path = make_video('a.mkv')
    claims = {cv2.CAP_PROP_FPS: 100, cv2.CAP_PROP_FRAME_COUNT: 32}
    telling(claims)
    with VideoReader(path) as video:
        assert video.num_frames == 32
        assert len(list(video)) == 8 and video.problem == ''


def test_times_where_opencv_tells_none(make_video, telling):
    path = make_video('a.avi', fps=20)
    telling({cv2.CAP_PROP_POS_MSEC: 0})
    with VideoReader(path) as video:
        times = [x.time for x in video]
    np.testing.assert_allclose(times, np.arange(8) / 20)


def test_unusable_files(make_video, tmp_path, capfd):
    (tmp_path / 'empty.mp4').touch()
    (tmp_path / 'text.mp4').write_text('no video\n' * 100)
    (tmp_path / 'folder.mp4').mkdir()
    data = make_video('cut.mp4').read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(data[: len(data) // 2])
    data = make_video('header.avi').read_bytes()
    start = data.index(b'movi') + 4
    (tmp_path / 'header.avi').write_bytes(data[:start] + bytes(2000))
    for name, reason in [
        ('missing.mp4', 'no such file'),
        ('folder.mp4', 'is a folder, not a video'),
        ('empty.mp4', 'is empty'),
        ('text.mp4', 'is not a video, has an unknown format, or is damaged'),
        ('cut.mp4', 'is not a video, has an unknown format, or is damaged'),
        ('header.avi', 'has no readable frame'),
    ]:
        path = tmp_path / name
        with pytest.raises(VideoError) as raised:
            VideoReader(path)
        assert str(raised.value) == f'{path}: {reason}'
    assert capfd.readouterr() == ('', '')


def test_camera(camera):
    with VideoReader(0) as video:
        assert (video.name, video.is_live) == ('camera 0', True)
        assert (video.fps, video.num_frames) == (10, 0)
        frames = list(video)
        assert video.problem == 'camera 0: stopped sending after 5 frames'
        assert video._capture.released is False
    assert video._capture.released
    times = [x.time for x in frames]
    assert times[0] == 0 and times == sorted(times)


def test_no_camera(capfd):
    with pytest.raises(VideoError, match='^camera 99: no such cam'):
        VideoReader(99)
    assert capfd.readouterr() == ('', '')


@pytest.fixture
def served(tmp_path):
    """Address of a server of the folder of videos."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), Quiet)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f'http://me:secret@127.0.0.1:{server.server_port}'
    server.shutdown()
    thread.join()
    server.server_close()


def test_video_of_an_address(make_video, served):
    expected = [x.image for x in VideoReader(make_video('clip.avi'))]
    with VideoReader(f'{served}/clip.avi') as video:
        assert 'secret' not in video.name and video.name.endswith('/clip.avi')
        assert not video.is_live and video.num_frames == 8
        found = [x.image for x in video]
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(VideoError, match='/none.mp4: no readable stream'):
        VideoReader(f'{served}/none.mp4')


def test_camera_of_an_address(make_video, monkeypatch):
    """It tells no number of frames, and has no end of its own."""
    path, real = str(make_video('clip.avi')), cv2.VideoCapture

    class Stream:
        def __init__(self, *args):
            self.inner = real(path)

        def get(self, what):
            return -9.2e18 if what == cv2.CAP_PROP_FRAME_COUNT else 0.0

        def __getattr__(self, name):
            return getattr(self.inner, name)

    monkeypatch.setattr(cv2, 'VideoCapture', Stream)
    with VideoReader('rtsp://me:pass@10.0.0.7/live') as video:
        assert video.name == 'rtsp://10.0.0.7/live'
        assert video.is_live and video.num_frames == 0
        assert len(list(video)) == 8
        assert video.problem.endswith('stopped sending after 8 frames')
