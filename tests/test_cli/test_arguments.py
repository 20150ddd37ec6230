"""Options that programs share."""

import argparse

import pytest

from mmsrn.cli.arguments import add_common_arguments, positive


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser(prog='tool')
    parser.add_argument('config')
    add_common_arguments(parser)
    return parser


def test_options(parser):
    args = parser.parse_args(
        ['c', '--cfg-options', 'a=1', 'b.c=[x,(2,3)]', 'd="e=f"']
        + ['--cfg-options', 'g=1,2', 'h=True', 'i=1e-3', 'j=None']
    )
    assert args.cfg_options == {
        'a': 1,
        'b.c': ['x', (2, 3)],
        'd': 'e=f',
        'g': [1, 2],
        'h': True,
        'i': 1e-3,
        'j': None,
    }
    assert parser.parse_args(['c']).cfg_options is None


@pytest.mark.parametrize('value', ['a', '=3'])
def test_option_that_is_no_setting(parser, error_of, value):
    args = ['c', '--cfg-options', 'b=1', value]
    message = error_of(parser.parse_args, args)
    assert message == f'--cfg-options takes KEY=VALUE, not {value!r}'


def test_unbalanced_brackets(parser, error_of):
    message = error_of(parser.parse_args, ['c', '--cfg-options', 'a=[1,2'])
    assert message.startswith('--cfg-options: Imbalanced brackets')


def test_number_of_things(parser, capsys):
    parser.add_argument('--num', type=positive)
    assert parser.parse_args(['c', '--num', '12']).num == 12
    for text in ('0', '-3', '1.5', 'many'):
        with pytest.raises(SystemExit):
            parser.parse_args(['c', f'--num={text}'])
        error = capsys.readouterr().err
        expected = (
            f'--num: expected a whole number of at least 1, not {text!r}'
        )
        assert error.endswith(f'argument {expected}\n')


@pytest.mark.parametrize('spelling', ['--local_rank', '--local-rank'])
def test_both_spellings_of_the_rank(parser, spelling):
    assert parser.parse_args(['c', f'{spelling}=3']).local_rank == 3
    assert parser.parse_args(['c']).local_rank == 0


def test_unknown_launcher(parser, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(['c', '--launcher', 'ssh'])
    assert "invalid choice: 'ssh'" in capsys.readouterr().err
