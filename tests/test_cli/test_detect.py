"""``mmsrn detect``: everything it writes, and what it does with bad input."""

import csv
import io
import json
import os
import signal
import stat
import subprocess
import sys

import cv2
import numpy as np
import pytest

from mmsrn.apis import face_detector
from mmsrn.cli import detect as command
from mmsrn.cli import detection, progress

A, B, C = (5, 5, 20), (40, 10, 30), (10, 40, 15)


def boxes(*squares):
    """What the network finds, the surest first."""
    return [
        [x, y, x + side, y + side]
        for x, y, side in sorted(squares, key=lambda s: -s[2])
    ]


def test_a_line_for_each_photo(mmsrn, made, paint):
    paint('a.png', A, B)
    paint('b.png', C)
    paint('none.png')
    done = mmsrn('detect', 'a.png', 'b.png', 'none.png')
    assert (done.status, done.err) == (0, '')
    lines = [x.rpartition(', ')[::2] for x in done.out.splitlines()]
    assert [x[0] for x in lines] == [
        'a.png: 2 faces, best score 0.30',
        'b.png: 1 face, best score 0.15',
        'none.png: 0 faces',
    ]
    for _, seconds in lines:
        assert 0 <= float(seconds.removesuffix(' s')) < 60


def test_names_that_break_lines(mmsrn, made, paint):
    paint('a\nb: 9 faces.png', C)
    paint('c.png', C)
    done = mmsrn('detect', './c.png', 'a\nb: 9 faces.png', 'no\nfile.png')
    assert done.status == 1
    assert [x.split(',')[0] for x in done.out.splitlines()] == [
        'c.png: 1 face',
        r'a\nb: 9 faces.png: 1 face',
    ]
    assert done.err.splitlines()[1:] == [
        r'  no\nfile.png: no such file or folder'
    ]


def test_model_is_not_overwritten(mmsrn, paint, tmp_path):
    paint('a.png')
    model = tmp_path / 'm.onnx'
    model.write_bytes(b'model')
    done = mmsrn('detect', 'a.png', '--model', 'm.onnx', '--csv', './m.onnx')
    assert done.status == 2 and '--csv ./m.onnx: is read too' in done.err
    assert model.read_bytes() == b'model'


def test_json(mmsrn, made, paint, tmp_path):
    paint('in/a.png', A, B)
    paint('in/sub/none.png')
    done = mmsrn('detect', 'in', '--json', 'new/faces.json')
    assert (done.status, done.out) == (0, '')
    assert done.err == '2 photos, 2 faces\n'
    text = (tmp_path / 'new/faces.json').read_text()
    assert text.count('\n') == 4  # brackets, and an object in each line
    first, second = json.loads(text)
    assert set(first.pop('timing')) == {'read', 'enhance', 'detect'}
    assert first == dict(
        name='in/a.png',
        width=80,
        height=60,
        enhancement=None,
        faces=[
            dict(box=box, score=score)
            for box, score in zip(boxes(A, B), (0.3, 0.2))
        ],
    )
    assert (second['name'], second['faces']) == ('in/sub/none.png', [])


def test_csv(mmsrn, made, paint, film, tmp_path):
    paint('a, "b".png', A, B)
    paint('none.png')
    film('c.avi', frames=2)
    args = ('a, "b".png', 'none.png', 'c.avi', '--csv', 'faces.csv')
    assert mmsrn('detect', *args).status == 0
    with open('faces.csv', newline='') as file:
        head, *rows = csv.reader(file)
    assert head == ['photo', 'frame', 'time', 'x1', 'y1', 'x2', 'y2', 'score']
    assert [x[:3] for x in rows] == [
        ['a, "b".png', '', ''],
        ['a, "b".png', '', ''],
        ['c.avi', '0', '0.0'],
        ['c.avi', '1', '0.04'],
    ]
    values = [[float(v) for v in x[3:]] for x in rows[:2]]
    expected = [[*x, s] for x, s in zip(boxes(A, B), (0.3, 0.2))]
    np.testing.assert_allclose(values, expected)


def test_to_stdout(mmsrn, made, paint):
    paint('a.png', A)
    done = mmsrn('detect', 'a.png', '--json', '-')
    assert json.loads(done.out)[0]['faces'][0]['box'] == boxes(A)[0]
    assert done.err == '1 photo, 1 face\n'
    rows = list(
        csv.reader(io.StringIO(mmsrn('detect', 'a.png', '--csv', '-').out))
    )
    assert len(rows) == 2 and rows[1][0] == 'a.png'
    done = mmsrn('detect', 'a.png', '--csv', '-', '--json', '-')
    assert (done.status, done.err.count('\n')) == (2, 1)


def test_pictures(mmsrn, made, paint, tmp_path):
    for name in ('in/1/x.png', 'in/2/x.png', 'in/2/y.webp', 'in/z.jpg'):
        paint(name, B)
    assert mmsrn('detect', 'in', '--out', 'drawn').status == 0
    drawn = sorted((tmp_path / 'drawn').rglob('*.*'))
    names = [str(x.relative_to(tmp_path / 'drawn')) for x in drawn]
    assert names == ['1/x.png', '2/x.png', '2/y.webp', 'z.jpg']
    photo, picture = cv2.imread('in/1/x.png'), cv2.imread('drawn/1/x.png')
    changed = (photo != picture).any(axis=2)
    assert changed[10, 45:65].all()  # the upper edge of the box
    assert not changed[:, :30].any() and not changed[20:35, 50:60].any()


def test_wider_face_text_is_what_the_evaluation_reads(
    mmsrn, made, paint, tmp_path
):
    paint('images/0--Parade/a.png', A, B)
    paint('images/0--Parade/b.png')
    assert mmsrn('detect', 'images', '--wider', 'pred').status == 0
    text = (tmp_path / 'pred/0--Parade/a.txt').read_text()
    assert text == (
        'a\n2\n40.00 10.00 30.00 30.00 0.3000\n5.00 5.00 20.00 20.00 0.2000\n'
    )
    assert (tmp_path / 'pred/0--Parade/b.txt').read_text() == 'b\n0\n'
    gt = '0--Parade/a.png\n2\n40 10 30 30 0 0 0 0 0 0\n5 5 20 20 0 0 0 0 0 0\n'
    (tmp_path / 'gt.txt').write_text(gt)
    args = ('pred', '--gt', 'gt.txt', '--json', 'ap.json')
    assert mmsrn('eval', 'widerface', *args).status == 0
    assert json.loads((tmp_path / 'ap.json').read_text())['all'] == 1


def test_video(mmsrn, made, film, tmp_path):
    film('in/c.avi', frames=6, fps=12.5)
    film('in/d.mp4', frames=3)
    done = mmsrn(
        *('detect', 'in/*.*', 'in/c.avi', 'in/d.mp4', '--out', 'drawn'),
        *('--json', 'faces.json', '--wider', 'text', '--batch-size', 4),
    )
    assert done.status == 1  # in/*.* is a pattern of photos
    assert 'in/*.*: no image matches this pattern' in done.err
    assert done.err.startswith('9 frames, 9 faces\n')
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


def test_bad_files_are_left_out_and_named_at_the_end(
    mmsrn, made, paint, film, tmp_path
):
    paint('a.png', A)
    paint('z.png', B)
    (tmp_path / 'bad.png').write_bytes(b'no photo')
    data = paint('cut.png', C).read_bytes()
    (tmp_path / 'cut.png').write_bytes(data[: len(data) // 2])
    (tmp_path / 'empty.mp4').touch()
    data = film('short.avi', frames=16).read_bytes()
    (tmp_path / 'short.avi').write_bytes(data[: len(data) * 3 // 4])
    given = ['a.png', 'bad.png', 'no.png', 'cut.png', 'empty.mp4']
    given += ['short.avi', 'z.png']
    args = ('--json', 'faces.json', '--out', 'drawn', '--batch-size', 3)
    done = mmsrn('detect', *given, *args)
    assert (done.status, done.out) == (1, '')
    records = json.loads((tmp_path / 'faces.json').read_text())
    kept = len(records) - 2
    assert 1 < kept < 15
    names = [x['name'] for x in records]
    assert names == ['a.png', *['short.avi'] * kept, 'z.png']
    drawn = sorted(x.name for x in (tmp_path / 'drawn').iterdir())
    assert drawn == ['a.png', 'short.mp4', 'z.png']
    counts, head, *lines = done.err.splitlines()
    assert counts == f'2 photos, {kept} frames, {kept + 2} faces'
    assert head == (
        'mmsrn detect: 5 sources could not be read, or only in part:'
    )
    assert sorted(x.split(':')[0] for x in lines) == [
        *('  bad.png', '  cut.png', '  empty.mp4', '  no.png', '  short.avi')
    ]
    assert any(f'the first {kept} frames were used' in x for x in lines)


def test_nothing_to_do_loads_no_model(mmsrn, made, paint):
    paint('a.png')
    done = mmsrn('detect', 'no.png', 'no.mp4', '--json', 'faces.json')
    assert (done.status, made) == (1, [])
    assert done.err.splitlines() == [
        'mmsrn detect: 2 sources could not be read, or only in part:',
        '  no.png: no such file or folder',
        '  no.mp4: no such file or folder',
    ]
    assert not os.path.exists('faces.json')


def test_settings(mmsrn, paint, monkeypatch):
    paint('a.png')
    seen = []

    class Detector(face_detector.FaceDetector):
        def __init__(self, *args, **kwargs):
            seen.append((args, kwargs))
            raise ValueError('enough')

    monkeypatch.setattr(command, 'FaceDetector', Detector)
    done = mmsrn('detect', 'a.png')
    assert (done.status, done.err) == (2, 'mmsrn detect: error: enough\n')
    assert seen.pop() == (
        (None, None),
        dict(
            backend='auto',
            device='auto',
            precision='float32',
            score_thr=None,
            min_size=0,
            max_size=None,
            scale=None,
            enhance='none',
            tile='auto',
            batch_size=1,
            strict=False,
            max_faces=None,
        ),
    )
    args = (
        '--model m.pth --config c.py --backend torch --device cuda:1 '
        '--precision bfloat16 --score-thr 0.25 --min-size 10 --max-size 99.5 '
        '--scale 640,original --enhance lime --tile none --batch-size 4 '
        '--strict --max-faces 2000'
    )
    mmsrn('detect', 'a.png', *args.split())
    assert seen.pop() == (
        ('m.pth', 'c.py'),
        dict(
            backend='torch',
            device='cuda:1',
            precision='bfloat16',
            score_thr=0.25,
            min_size=10,
            max_size=99.5,
            scale=[640, 'original'],
            enhance='lime',
            tile=None,
            batch_size=4,
            strict=True,
            max_faces=2000,
        ),
    )
    mmsrn('detect', 'a.png', '--scale', 'original', '--tile', '512')
    assert seen[0][1]['scale'] == 'original' and seen[0][1]['tile'] == 512


def test_settings_have_their_effect(mmsrn, made, paint):
    paint('a.png', A, B, C)
    for args, faces in [
        ('', 3),
        ('--score-thr 0.18', 2),
        ('--min-size 18', 2),
        ('--min-size 18 --max-size 25', 1),
    ]:
        done = mmsrn('detect', 'a.png', *args.split())
        assert done.out.startswith(f'a.png: {faces} face')


@pytest.mark.parametrize(
    'args, text',
    [
        ('--scale 0', 'scale=0 is neither'),
        ('--scale big', "not 'big'"),
        ('--scale 640,', "not '640,'"),
        ('--tile small', "not 'small'"),
        ('--tile 5', 'tile=5 is neither'),
        ('--score-thr 2', 'score_thr=2.0 is not in [0, 1]'),
        ('--enhance retinex', "invalid choice: 'retinex'"),
        ('--batch-size 0', 'expected a whole number of at least 1'),
        ('--frames 0', 'expected a whole number of at least 1'),
        ('--max-size 3 --min-size 4', 'max_size=3.0 is less than min_size'),
        ('--json .', '--json .: is a folder; name a file'),
        ('--json a.png/b.json', '--json a.png/b.json cannot be written'),
        ('--out a.png', '--out a.png cannot be written'),
        ('--wider a.png', '--wider a.png cannot be written'),
        ('--out .', 'a.png: a result would overwrite this source'),
        ('--csv ./a.png', 'a.png: a result would overwrite this source'),
    ],
)
def test_wrong_settings(mmsrn, made, paint, args, text):
    before = paint('a.png', A).read_bytes()
    done = mmsrn('detect', 'a.png', *args.split())
    assert (done.status, done.out) == (2, '')
    last = done.err.splitlines()[-1]
    assert last.startswith('mmsrn detect: error: ') and text in last
    assert open('a.png', 'rb').read() == before and made == []


@pytest.mark.parametrize('kind', [ImportError, OSError, RuntimeError])
def test_model_that_cannot_be_loaded(mmsrn, paint, monkeypatch, kind):
    paint('a.png')

    def make(*args):
        raise kind('no\nmodel')

    monkeypatch.setattr(face_detector, '_make_backend', make)
    done = mmsrn('detect', 'a.png', '--json', 'faces.json')
    assert (done.status, done.err) == (2, 'mmsrn detect: error: no model\n')
    assert os.listdir() == ['a.png']


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


def test_interrupted(mmsrn, made, paint, film, interrupt, tmp_path):
    for name in 'abc':
        paint(f'in/{name}.png', A)
    (tmp_path / 'faces.json').write_text('former')
    args = ('--json', 'faces.json', '--csv', 'faces.csv', '--out', 'drawn')
    done = mmsrn('detect', 'in', *args)
    assert (done.status, done.out) == (130, '')
    assert done.err == (
        'mmsrn detect: interrupted; unfinished files were removed\n'
    )
    assert (tmp_path / 'faces.json').read_text() == 'former'
    assert sorted(os.listdir()) == ['drawn', 'faces.json', 'in']
    assert os.listdir('drawn') == ['a.png']  # which is whole


def test_interrupted_video(mmsrn, made, film, interrupt):
    film('c.avi')
    done = mmsrn('detect', 'c.avi', '--out', 'drawn')
    assert done.status == 130 and os.listdir('drawn') == []


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
    assert (done.status, done.err) == (0, '2 frames, 2 faces\n')
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


def test_full_disk_names_the_file(mmsrn, made, paint, monkeypatch):
    paint('a.png', A)

    def save(self, path):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('mmsrn.apis.faces.Faces.save', save)
    done = mmsrn('detect', 'a.png', '--json', 'faces.json', '--out', 'drawn')
    assert (done.status, done.err) == (
        2,
        'mmsrn detect: error: drawn/a.png: cannot be written: No space left '
        'on device\n',
    )
    assert sorted(os.listdir()) == ['a.png', 'drawn']


def test_progress_bar(mmsrn, made, paint, film, monkeypatch):
    """On a terminal, for outputs that print nothing themselves."""
    paint('a.png', A)
    film('c.avi')
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True, raising=False)
    bars = []

    class Bar(progress.Progress):
        def __exit__(self, *args):
            bars.append([(t.description, t.completed, t.total)
                         for t in self._bar.tasks])  # fmt: skip
            super().__exit__(*args)

    monkeypatch.setattr(detection, 'Progress', Bar)
    args = ('a.png', 'a.png', 'no.png', 'c.avi', '--json', 'faces.json')
    assert mmsrn('detect', *args).status == 1
    assert bars == [[('Photos', 1, 1), ('c.avi', 6, 6)]]


def test_nobody_reads_the_lines(root, paint):
    """``mmsrn detect ... | head -1`` ends without a traceback."""
    for name in 'ab':
        paint(f'in/{name}.png', A)
    code = (
        'import sys\n'
        'from conftest import RedSquares\n'
        'from mmsrn.apis import face_detector\n'
        'from mmsrn.cli.main import main\n'
        'class Waiting(RedSquares):\n'
        '    calls = 0\n'
        '    def predict(self, images):\n'
        '        self.calls += 1\n'
        '        if self.calls == 2:\n'
        '            sys.stdin.read()\n'
        '        return super().predict(images)\n'
        'face_detector._make_backend = lambda *args: Waiting()\n'
        'sys.exit(main())\n'
    )
    here = os.path.dirname(__file__)
    with subprocess.Popen(
        [sys.executable, '-c', code, 'detect', 'in'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, PYTHONPATH=f'{root}{os.pathsep}{here}'),
        text=True,
    ) as process:
        assert process.stdout.readline().startswith('in/a.png: 1 face')
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == ''
    assert process.returncode == 141


@pytest.mark.parametrize('option', ['--json', '--csv'])
def test_pipes_and_devices(mmsrn, made, paint, tmp_path, option):
    """Written to, and not replaced by files."""
    paint('a.png', A)
    os.mkfifo('fifo')
    reader = os.open('fifo', os.O_RDONLY | os.O_NONBLOCK)
    assert mmsrn('detect', 'a.png', option, 'fifo').status == 0
    text = os.read(reader, 1 << 16).decode()
    os.close(reader)
    assert 'a.png' in text and stat.S_ISFIFO(os.stat('fifo').st_mode)
    done = mmsrn('detect', 'a.png', option, '/dev/full')
    assert done.status == 2 and done.err.splitlines()[-1] == (
        'mmsrn detect: error: /dev/full: cannot be written: No space left on '
        'device'
    )
    assert stat.S_ISCHR(os.stat('/dev/full').st_mode)
    assert sorted(os.listdir()) == ['a.png', 'fifo']


def test_full_disk_amid_a_long_list(mmsrn, made, paint):
    """More than a buffer holds."""
    paint('a.png', *((x, y, 3) for x in range(0, 75, 5) for y in range(9)))
    for i in range(200):
        os.link('a.png', f'{i}.png')
    done = mmsrn('detect', '.', '--json', '/dev/full', '--csv', 'a.csv')
    assert done.status == 2 and 'Traceback' not in done.err
    assert not os.path.exists('a.csv')


@pytest.mark.parametrize(
    'args, text',
    [
        ('--json r --csv ./r', '--json r --csv ./r: both name the same file'),
        ('--out . --json b.png', 'b.png: a picture of --out has this name'),
    ],
)
def test_two_results_in_one_file(mmsrn, made, paint, args, text):
    os.mkdir('in')
    paint('in/b.png', A)
    done = mmsrn('detect', 'in', *args.split())
    assert done.status == 2 and text in done.err and made == []
    assert os.listdir() == ['in']


def test_one_odd_photo_ends_nothing(mmsrn, made, paint, tmp_path):
    """It is named, and all others are there."""
    odd = os.fsdecode(b'in/\xff.png')
    wide, long = 'in/wide.webp', f'in/{"n" * 250}.png'
    paint('in/a.png', A)
    os.link('in/a.png', odd)
    os.link('in/a.png', long)
    picture = np.full((2, 17_000, 3), 255, np.uint8)
    data = cv2.imencode('.png', picture)[1].tobytes()
    (tmp_path / wide).write_bytes(data)  # kinds are told by content
    paint('in/z.png', B)
    args = ('--json', 'f.json', '--csv', 'f.csv', '--wider', 'w', '--out', 'o')
    done = mmsrn('detect', 'in', *args)
    assert done.status == 1
    *_, head, first = done.err.splitlines()
    assert head.endswith('1 source could not be read, or only in part:')
    assert first.startswith('  o/wide.webp: cannot encode a picture of 17')
    names = [x['name'] for x in json.load(open('f.json'))]
    assert names == ['in/a.png', long, wide, 'in/z.png', odd]
    with open('f.csv', encoding='utf-8', newline='') as file:
        rows = [x[0] for x in csv.reader(file)]
    assert rows == ['photo', 'in/a.png', long, 'in/z.png', 'in/\\udcff.png']
    assert len(os.listdir('w')) == 5 and len(os.listdir('o')) == 4
    # Names of results may be longer than those of photos, and too long.
    os.rename(long, f'in/{"n" * 251}.jp2')
    done = mmsrn('detect', 'in', '--out', 'o2', '--csv', 'f.csv')
    assert done.status == 1 and 'name too long' in done.err
    assert len(os.listdir('o2')) == 3


def test_photo_that_is_cut_off(mmsrn, made, paint):
    data = cv2.imencode('.jpg', cv2.imread(str(paint('a.png', A))))[1]
    with open('a.jpg', 'wb') as file:
        file.write(data.tobytes()[:-18])
    done = mmsrn('detect', 'a.jpg', '--json', '-')
    (record,) = json.loads(done.out)
    assert len(record['faces']) == 1 and 'incomplete' in record
    assert done.status == 1 and '  a.jpg: is incomplete (' in done.err
    done = mmsrn('detect', 'a.jpg', '--strict', '--json', '-')
    assert (done.status, json.loads(done.out)) == (1, [])


def test_what_is_left_out_is_told(mmsrn, made, paint, tmp_path):
    paint('in/a.png', A, B)
    (tmp_path / 'in/note.txt').touch()
    done = mmsrn('detect', 'in')
    assert done.status == 0 and done.out.startswith('in/a.png: 2 faces')
    assert done.err == (
        'mmsrn detect: in: skipped 1 file without the suffix of a photo: 1 '
        '.txt\n'
    )


def test_limit_of_faces_is_told(mmsrn, made, paint, monkeypatch):
    made_as = face_detector._make_backend

    def limited(*args):
        backend = made_as(*args)
        backend.max_faces = 2
        return backend

    monkeypatch.setattr(face_detector, '_make_backend', limited)
    paint('a.png', A, B)
    paint('b.png', A)
    done = mmsrn('detect', 'a.png', 'b.png')
    assert (done.status, done.err) == (
        0,
        'mmsrn detect: 1 picture may have more faces than the limit of 2 '
        '(first: a.png); raise it with --max-faces\n',
    )


@pytest.mark.parametrize('kind', [signal.SIGKILL, signal.SIGTERM])
def test_killed(mmsrn, made, root, paint, tmp_path, kind):
    """Nothing half-written stays longer than till the next run."""
    for name in 'abc':
        paint(f'in/{name}.png', A)
    code = (
        'import os, sys\n'
        'from conftest import RedSquares\n'
        'from mmsrn.apis import face_detector, faces\n'
        'from mmsrn.cli.main import main\n'
        'encode = faces._encode\n'
        'def die(picture, suffix, path):\n'
        f'    path.name == "b.png" and os.kill(os.getpid(), {int(kind)})\n'
        '    return encode(picture, suffix, path)\n'
        'faces._encode = die\n'
        'face_detector._make_backend = lambda *args: RedSquares()\n'
        'sys.exit(main())\n'
    )
    here = os.path.dirname(__file__)
    args = ['detect', 'in', '--json', 'f.json', '--csv', 'f.csv', '--out', 'o']
    done = subprocess.run(
        [sys.executable, '-c', code, *args],
        env=dict(os.environ, PYTHONPATH=f'{root}{os.pathsep}{here}'),
        capture_output=True,
    )
    left = [x for x in os.listdir() if x not in ('in', 'o')]
    if kind == signal.SIGTERM:
        assert done.returncode == 143 and left == []
    else:
        assert done.returncode == -9 and len(left) == 2
    assert os.listdir('o') == ['a.png']
    # As of a run that died while it wrote a picture, and one that lives.
    for name in ('o/.c.4711-140235001.png', 'o/.note.4711-140235001.txt'):
        (tmp_path / name).touch()
    assert mmsrn(*args).status == 0
    assert sorted(os.listdir()) == ['f.csv', 'f.json', 'in', 'o']
    assert sorted(os.listdir('o')) == [
        *('.note.4711-140235001.txt', 'a.png', 'b.png', 'c.png')
    ]
