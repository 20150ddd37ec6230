"""Standard output that is full, closed, or read by nobody."""

import os
import sys

import pytest

from mmsrn.utils.errors import user_errors


@pytest.fixture
def stdout(monkeypatch):
    """Function that makes something the standard output."""
    opened = []

    def use(target):
        file = target if target is None else os.fdopen(target, 'w')
        opened.append(file)
        monkeypatch.setattr(sys, 'stdout', file)
        return file

    yield use
    for file in filter(None, opened):
        file.close()


def status_of(function):
    with pytest.raises(SystemExit) as ended, user_errors('tool'):
        function()
    return ended.value.code


@pytest.mark.parametrize('flush', [True, False])
def test_full_disk(stdout, capsys, flush):
    stdout(os.open('/dev/full', os.O_WRONLY))
    assert status_of(lambda: print('all', flush=flush)) == 2
    assert capsys.readouterr().err == (
        'tool: error: standard output cannot be written: No space left on '
        'device\n'
    )


def test_nobody_reads(stdout, capsys):
    read, write = os.pipe()
    os.close(read)
    stdout(write)
    assert status_of(lambda: print('all')) == 141
    assert capsys.readouterr().err == ''


def test_closed(stdout, capsys):
    """Only who prints is told."""
    stdout(None)
    with user_errors('tool'):
        pass
    stdout(None)
    assert status_of(lambda: print('all')) == 2
    assert capsys.readouterr().err == (
        'tool: error: standard output cannot be written: it is closed\n'
    )


def test_other_errors_pass(tmp_path):
    with pytest.raises(FileNotFoundError), user_errors('tool'):
        open(tmp_path / 'none')


def test_names_that_are_no_text(stdout, tmp_path):
    stdout(os.open(tmp_path / 'out', os.O_WRONLY | os.O_CREAT))
    with user_errors('tool'):
        print(os.fsdecode(b'bad\xff.jpg'))
    assert (tmp_path / 'out').read_text() == 'bad\\udcff.jpg\n'
