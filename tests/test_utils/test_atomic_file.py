"""A file is there whole or as it was before."""

import pytest

from mmsrn.utils.atomic_file import atomic_file


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
