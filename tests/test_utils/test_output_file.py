"""What tools write is whole, or they say why there is nothing."""

import argparse
import json

import pytest

from mmsrn.utils.output_file import output_file, write_json


@pytest.fixture
def parser():
    return argparse.ArgumentParser(prog='tool')


def test_written_whole_into_a_new_folder(parser, tmp_path):
    path = tmp_path / 'new/a.csv'
    with output_file(parser, path) as partial:
        assert partial.suffix == '.csv'  # what writers go by
        partial.write_text('all')
        assert not path.exists()
    assert path.read_text() == 'all'


def test_what_cannot_be_written_ends_the_tool(parser, tmp_path, capsys):
    (tmp_path / 'file').touch()
    path = tmp_path / 'file/a.csv'
    with pytest.raises(SystemExit) as info, output_file(parser, path):
        pytest.fail('there is nowhere to write')
    assert info.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f'tool: error: {path}: cannot be written: ')
    assert error.count('\n') == 1


def test_disk_that_is_full(parser, tmp_path, capsys):
    path = tmp_path / 'a.csv'
    path.write_text('former')
    with pytest.raises(SystemExit), output_file(parser, path) as partial:
        partial.write_text('half')
        raise OSError('no space left')
    assert 'a.csv: cannot be written: no space left' in capsys.readouterr().err
    assert path.read_text() == 'former'
    assert list(tmp_path.iterdir()) == [path]


def test_other_errors_pass(parser, tmp_path):
    with pytest.raises(KeyError), output_file(parser, tmp_path / 'a'):
        raise KeyError


def test_json_if_asked_for(parser, tmp_path):
    write_json(parser, None, {})
    path = tmp_path / 'a.json'
    content = {'hard': 1 / 3, 'none': None, 'name': 'Zoë'}
    write_json(parser, path, content)
    text = path.read_text(encoding='utf-8')
    assert json.loads(text) == content  # with all digits
    assert text.endswith('}\n')
