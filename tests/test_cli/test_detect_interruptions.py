"""``mmsrn detect``: runs that end early."""

import os
import signal
import subprocess
import sys

import pytest

from tests.test_cli.squares import A


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
        '    def predict(self, images, factors):\n'
        '        self.calls += 1\n'
        '        if self.calls == 2:\n'
        '            sys.stdin.read()\n'
        '        return super().predict(images, factors)\n'
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
