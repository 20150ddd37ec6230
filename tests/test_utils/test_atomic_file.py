"""A file is there whole or as it was before."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from mmsrn.utils.atomic_file import (
    atomic_file,
    is_partial,
    is_stream,
    remove_partial,
)


def names(folder):
    return sorted(x.name for x in folder.rglob('*'))


@pytest.mark.parametrize('kind', [str, lambda path: path])
def test_new_file_in_a_new_folder(tmp_path, kind):
    path = tmp_path / 'a/b/model.tar.gz'
    with atomic_file(kind(path)) as partial:
        assert partial.parent == path.parent and partial != path
        assert partial.suffix == '.gz'  # what writers go by
        partial.write_text('all')
        assert not path.exists()
    assert path.read_text() == 'all'
    assert names(path.parent) == ['model.tar.gz']


def test_replaced_only_at_the_end(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('former')
    with atomic_file(path) as partial:
        partial.write_text('new')
        assert path.read_text() == 'former'
    assert path.read_text() == 'new'


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize('former', [None, 'former'])
def test_failure_leaves_things_as_they_were(tmp_path, error, former):
    path = tmp_path / 'a.txt'
    if former:
        path.write_text(former)
    before = names(tmp_path)
    with pytest.raises(error), atomic_file(path) as partial:
        partial.write_text('half')
        raise error
    assert names(tmp_path) == before
    assert not former or path.read_text() == former


def test_nothing_written(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('former')
    with pytest.raises(FileNotFoundError), atomic_file(path):
        pass
    assert path.read_text() == 'former'


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(IsADirectoryError), atomic_file(tmp_path) as partial:
        partial.write_text('all')
    assert not partial.exists() and tmp_path.is_dir()


def test_pipes_and_devices_are_written_to_themselves(tmp_path):
    """They are what they were, and hold what was written."""
    fifo = tmp_path / 'fifo'
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with atomic_file(fifo) as partial:
        partial.write_text('all')
    assert os.read(reader, 10) == b'all' and stat.S_ISFIFO(fifo.stat().st_mode)
    os.close(reader)
    with pytest.raises(OSError) as info, atomic_file('/dev/full') as partial:
        partial.write_text('all')
    assert info.value.errno == errno.ENOSPC
    assert stat.S_ISCHR(os.stat('/dev/full').st_mode)
    assert names(tmp_path) == ['fifo']


def test_what_is_a_stream(tmp_path):
    assert is_stream('/dev/null') and is_stream(f'/dev/fd/{os.dup(0)}')
    with open(tmp_path / 'a', 'w') as file:  # as of `--json /dev/stdout > a`
        assert is_stream(f'/proc/self/fd/{file.fileno()}')
    (tmp_path / 'link').symlink_to(tmp_path / 'a')
    for path in (tmp_path / 'a', tmp_path / 'link', tmp_path, '/dev/none'):
        assert not is_stream(path)


@pytest.mark.parametrize('name', ['n' * 251 + '.txt', 'é' * 125 + '.jpeg'])
def test_names_as_long_as_they_may_be(tmp_path, name):
    path = tmp_path / name
    with atomic_file(path) as partial:
        partial.write_text('all')
        assert is_partial(partial.name)
        assert partial.suffix == path.suffix
    assert names(tmp_path) == [name]


def test_empty_content_is_content(tmp_path):
    with atomic_file(tmp_path / 'a') as partial:
        partial.write_text('')
    assert (tmp_path / 'a').read_bytes() == b''


@pytest.mark.parametrize(
    'name', ['a.json', 'x' * 250 + '.png', 'a.b', 'plain']
)
def test_what_a_killed_process_leaves_is_removed(tmp_path, name):
    """And nothing that another one is writing, or that is of users."""
    code = (
        'import os, sys\n'
        'from mmsrn.utils.atomic_file import atomic_file\n'
        'with atomic_file(sys.argv[1]) as partial:\n'
        '    partial.write_text("half")\n'
        '    os.kill(os.getpid(), 9)\n'
    )
    path = tmp_path / name
    done = subprocess.run([sys.executable, '-c', code, path])
    assert done.returncode == -9
    (left,) = names(tmp_path)
    assert is_partial(left)
    kept = ['.note', '.other.47-11.txt', name]
    for x in kept:
        (tmp_path / x).touch()
    with atomic_file(path) as partial:
        partial.write_text('new')
        remove_partial(tmp_path, [name])
        assert names(tmp_path) == sorted([*kept, partial.name])
    remove_partial(tmp_path)
    assert names(tmp_path) == sorted(['.note', name])
    remove_partial(tmp_path / 'missing')
