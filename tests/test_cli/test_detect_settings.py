"""``mmsrn detect``: its options, and wrong ones."""

import os

import pytest

from mmsrn.apis import face_detector
from mmsrn.cli import detect as command
from tests.test_cli.squares import A, B, C


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
