"""What tools write is whole, or they say why there is nothing."""

import json

import pytest

from mmsrn.utils.errors import UserError
from mmsrn.utils.output_file import (
    check_distinct,
    check_kept,
    check_output,
    check_writable,
    output_file,
    write_json,
)


def test_written_whole_into_a_new_folder(tmp_path):
    path = tmp_path / 'new/a.csv'
    with output_file(path) as partial:
        assert partial.suffix == '.csv'  # what writers go by
        partial.write_text('all')
        assert not path.exists()
    assert path.read_text() == 'all'


def test_what_cannot_be_written_is_the_users_error(tmp_path):
    (tmp_path / 'file').touch()
    path = tmp_path / 'file/a.csv'
    with pytest.raises(UserError) as info, output_file(path):
        pytest.fail('there is nowhere to write')
    error = str(info.value)
    assert error.startswith(f'{path}: cannot be written: ')
    assert '\n' not in error


def test_disk_that_is_full(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text('former')
    reason = 'a.csv: cannot be written: no space left'
    with pytest.raises(UserError, match=reason), output_file(path) as partial:
        partial.write_text('half')
        raise OSError('no space left')
    assert path.read_text() == 'former'
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed(tmp_path):
    left, others = tmp_path / '.a.1-2.csv', tmp_path / '.b.1-2.csv'
    left.touch()
    others.touch()
    with output_file(tmp_path / 'a.csv') as partial:
        partial.write_text('all')
    assert {*tmp_path.iterdir()} == {tmp_path / 'a.csv', others}


def test_other_errors_pass(tmp_path):
    with pytest.raises(KeyError), output_file(tmp_path / 'a'):
        raise KeyError


def test_json_if_asked_for(tmp_path):
    write_json(None, {})
    path = tmp_path / 'a.json'
    content = {'hard': 1 / 3, 'none': None, 'name': 'Zoë'}
    write_json(path, content)
    text = path.read_text(encoding='utf-8')
    assert json.loads(text) == content  # with all digits
    assert text.endswith('}\n')


def test_folder_to_write_to(tmp_path, monkeypatch):
    def error_of(path):
        with pytest.raises(UserError) as info:
            check_writable(path, f'--out {path}')
        return str(info.value)

    check_writable(tmp_path / 'new/folder', 'it')
    assert not any((tmp_path / 'new/folder').iterdir())
    check_writable(str(tmp_path), 'it')
    file = tmp_path / 'file'
    file.touch()
    for path in (file, file / 'below'):
        message = error_of(path)
        assert message.startswith(f'--out {path} cannot be written: ')

    def refuse(dir):
        raise PermissionError(13, 'Permission denied', str(dir))

    monkeypatch.setattr('tempfile.TemporaryFile', refuse)
    assert 'Permission denied' in error_of(tmp_path)


def test_file_to_write(tmp_path):
    check_output(tmp_path / 'new/a.json', '--json')
    check_output('/dev/full', '--json')
    with pytest.raises(UserError, match='--json x: is a folder; name a file'):
        check_output(tmp_path, '--json x')


def test_two_outputs_in_one_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_distinct(json='a', csv='b', out_dir=None)
    with pytest.raises(UserError, match='--json a --out-dir ./a: both name'):
        check_distinct(json='a', csv='b', out_dir='./a')


def test_what_is_read_is_kept(tmp_path):
    path = tmp_path / 'a.json'
    check_kept([None, path], json=None, csv=tmp_path / 'b.csv')
    with pytest.raises(UserError, match='--format-only .* is read too'):
        check_kept(['x', path], format_only=tmp_path / 'new/../a.json')
