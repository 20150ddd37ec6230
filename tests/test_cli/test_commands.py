"""The commands that are tools as well, and the page."""

import json
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from mmsrn.enhance import linear_gain

FACE = '10 20 30 40'


@pytest.fixture
def wider(tmp_path):
    """Ground truth of one face, and a result that has it."""
    (tmp_path / 'gt.txt').write_text(
        f'0--Parade/a.jpg\n1\n{FACE} 0 0 0 0 0 0\n'
    )
    (tmp_path / 'pred/0--Parade').mkdir(parents=True)
    result = tmp_path / 'pred/0--Parade/a.txt'
    result.write_text(f'a\n2\n{FACE} 0.9\n70 70 9 9 0.5\n')
    return tmp_path


def test_eval_widerface(mmsrn, wider):
    done = mmsrn(
        *('eval', 'widerface', wider / 'pred', '--gt', wider / 'gt.txt'),
        *('--json', wider / 'ap.json'),
    )
    assert (done.status, done.err) == (0, '')
    assert 'pred           1.000000           2' in done.out
    assert json.loads((wider / 'ap.json').read_text())['all'] == 1


def test_eval_writes_to_devices_and_refuses_one_file_for_two(mmsrn, wider):
    args = ('eval', 'widerface', wider / 'pred', '--gt', wider / 'gt.txt')
    for option in ('--json', '--csv'):
        done = mmsrn(*args, option, '/dev/full')
        assert done.status == 2 and done.err.count('\n') == 1
        assert '/dev/full: cannot be written: ' in done.err
        assert Path('/dev/full').is_char_device()
    done = mmsrn(*args, '--json', wider / 'r', '--csv', wider / 'r')
    assert done.status == 2 and 'both name the same file' in done.err
    assert not (wider / 'r').exists()


def test_eval_darkface(mmsrn, tmp_path):
    (tmp_path / 'gt').mkdir()
    (tmp_path / 'gt/1.txt').write_text('2\n10 20 40 60\n100 100 140 140\n')
    (tmp_path / 'pred').mkdir()
    (tmp_path / 'pred/1.txt').write_text('10 20 40 60 0.9\n70 70 80 80 0.5\n')
    args = ('eval', 'darkface', tmp_path / 'pred', '--gt')
    done = mmsrn(*args, tmp_path / 'gt')
    assert (done.status, done.err) == (0, '')
    assert '0.500000' in done.out
    done = mmsrn(*args, tmp_path / 'absent')
    assert done.status == 2 and done.err.count('\n') == 1
    assert done.err.startswith('mmsrn eval darkface: error: ')


def test_eval_needs_a_benchmark(mmsrn):
    done = mmsrn('eval', 'coco', 'x')
    assert done.status == 2
    assert 'widerface' in done.err and 'darkface' in done.err


def test_enhance(mmsrn, paint, tmp_path):
    path = paint('dark/a.png', (10, 10, 20))
    args = ('enhance', tmp_path / 'dark', tmp_path / 'bright')
    args += ('--workers', 1, '--method')
    done = mmsrn(*args, 'linear_gain', '--param', 'gain=3')
    assert (done.status, done.err) == (0, '')
    before, after = (
        cv2.imread(str(x)) for x in (path, tmp_path / 'bright/a.png')
    )
    np.testing.assert_array_equal(after, linear_gain(before, 3))
    done = mmsrn(*args, 'linear_gian')
    assert done.status == 2 and done.err.count('\n') == 1
    assert 'linear_gain' in done.err


@pytest.fixture
def page(monkeypatch):
    """In place of the page: what ``launch`` was called with, or raises."""
    calls = []
    module = ModuleType('mmsrn.demo')
    module.error = None

    def launch(*args, **kwargs):
        calls.append((args, kwargs))
        if module.error is not None:
            raise module.error

    module.launch, module.calls = launch, calls
    monkeypatch.setitem(sys.modules, 'mmsrn.demo', module)
    return module


def test_demo(mmsrn, page):
    assert mmsrn('demo').status == 0
    assert page.calls.pop() == (
        ('127.0.0.1', 7860),
        dict(
            model=None,
            config=None,
            backend='auto',
            device='auto',
            open_browser=True,
        ),
    )
    args = '--host 0.0.0.0 --port 80 --no-open-browser --backend onnx'
    assert mmsrn('demo', *args.split()).status == 0
    place, settings = page.calls.pop()
    assert place == ('0.0.0.0', 80)
    assert (settings['open_browser'], settings['backend']) == (False, 'onnx')


@pytest.mark.parametrize(
    'error, text',
    [
        (
            ModuleNotFoundError("No module named 'gradio'", name='gradio'),
            "the page needs gradio: pip install 'mmsrn[demo]'",
        ),
        (OSError('cannot listen at x:1:\nin use'),
         'cannot listen at x:1: in use'),
        (ValueError('model x is unknown'), 'model x is unknown'),
        (ModuleNotFoundError("No module named 'y'"), "No module named 'y'"),
    ],
)  # fmt: skip
def test_demo_that_cannot_start(mmsrn, page, error, text):
    page.error = error
    done = mmsrn('demo')
    assert (done.status, done.err) == (2, f'mmsrn demo: error: {text}\n')


def test_demo_ends_with_ctrl_c(mmsrn, page):
    page.error = KeyboardInterrupt()
    done = mmsrn('demo')
    assert (done.status, done.err) == (0, '')
