"""``mmsrn detect``: disks, pipes, devices and terminals it writes to."""

import os
import stat
import sys

import pytest

from mmsrn.cli import detection, progress
from tests.test_cli.squares import A


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


def test_full_disk_amid_a_long_list(mmsrn, made, paint):
    """More than a buffer holds."""
    paint('a.png', *((x, y, 3) for x in range(0, 75, 5) for y in range(9)))
    for i in range(200):
        os.link('a.png', f'{i}.png')
    done = mmsrn('detect', '.', '--json', '/dev/full', '--csv', 'a.csv')
    assert done.status == 2 and 'Traceback' not in done.err
    assert not os.path.exists('a.csv')


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
