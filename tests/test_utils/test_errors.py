"""The line a program ends with."""

import pytest

from mmsrn.utils.errors import UserError, user_errors


def test_program_ends_with_one_line(monkeypatch, capsys):
    @user_errors()
    def main(path):
        """Look."""
        raise UserError(f'{path}: no such file')

    monkeypatch.setattr('sys.argv', ['/x/tool.py', 'a'])
    assert (main.__name__, main.__doc__) == ('main', 'Look.')
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main('a.jpg')
        assert ended.value.code == 2
        out, error = capsys.readouterr()
        assert (out, error) == ('', 'tool.py: error: a.jpg: no such file\n')


def test_program_of_another_name(capsys):
    with pytest.raises(SystemExit), user_errors('mmsrn detect'):
        raise UserError('no')
    assert capsys.readouterr().err == 'mmsrn detect: error: no\n'


def test_all_else_passes():
    @user_errors()
    def main(error):
        if error is not None:
            raise error
        return 3

    assert main(None) == 3
    for error in (ValueError('a'), KeyboardInterrupt(), SystemExit(5)):
        with pytest.raises(type(error)) as raised:
            main(error)
        assert raised.value is error


def test_names_of_files_cannot_break_the_line(capsys):
    with pytest.raises(SystemExit), user_errors('mmsrn detect'):
        raise UserError('a\nb\x1b[31m\udcff é.jpg: no')
    line = 'mmsrn detect: error: a\\nb\\x1b[31m\\udcff é.jpg: no\n'
    assert capsys.readouterr().err == line
