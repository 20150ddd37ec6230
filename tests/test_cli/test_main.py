"""The command as a whole: help, completion, errors of the surroundings."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mmsrn import __version__
from mmsrn.cli import main as cli
from mmsrn.cli.main import COMMANDS, make_parser


def imported(root, *args):
    """Output of the command, and names of the modules that it imports."""
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', '-m', 'mmsrn', *args],
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(root)),
    )
    assert done.returncode == 0, done.stderr
    names = {x.split('|')[-1].strip() for x in done.stderr.splitlines()}
    assert 'argparse' in names
    return done.stdout, names


def test_help_needs_the_standard_library_alone(root):
    """So it answers at once, and in environments that are broken."""
    out, names = imported(root, '--help')
    for name, text in COMMANDS.items():
        assert name in out and text in out
    assert not names & {'numpy', 'cv2', 'PIL', 'scipy', 'torch', 'mmengine'}


def test_detect_needs_what_comes_with_onnx_runtime(root):
    _, names = imported(root, 'detect', '--help')
    assert {'numpy', 'cv2'} < names
    assert not names & {'torch', 'mmengine', 'mmcv', 'mmdet', 'rich'}


@pytest.mark.parametrize('command', COMMANDS)
def test_help_of_commands(mmsrn, command):
    done = mmsrn(command, '--help')
    assert (done.status, done.err) == (0, '')
    assert done.out.startswith(f'usage: mmsrn {command} ')
    assert 'example' in done.out and f'  mmsrn {command}' in done.out.replace(
        'example:', 'example: '
    )


def test_version_and_wrong_commands(mmsrn):
    assert mmsrn('--version').out == f'mmsrn {__version__}\n'
    for args in ([], ['detekt'], ['--detect']):
        done = mmsrn(*args)
        assert (done.status, done.out) == (2, '')
        assert 'mmsrn: error: ' in done.err.splitlines()[-1]


def test_a_command_has_its_own_options_alone():
    """Others would have to import what they need."""
    args = ['enhance', 'a', 'b', '--method', 'lime']
    assert make_parser('enhance').parse_args(args).method == 'lime'
    with pytest.raises(SystemExit):
        make_parser('detect').parse_args(args)
    assert make_parser().parse_args(args).method == 'lime'


def test_completion(mmsrn, monkeypatch):
    """It gets the options of all commands."""
    seen = []
    fake = SimpleNamespace(autocomplete=seen.append)
    monkeypatch.setitem(sys.modules, 'argcomplete', fake)
    mmsrn('--help')
    assert seen == []
    monkeypatch.setenv('_ARGCOMPLETE', '1')
    mmsrn('--help')
    args = seen[0].parse_args(['detect', 'a.jpg', '--enhance', 'lime'])
    assert args.enhance == 'lime'


def test_missing_packages(mmsrn, monkeypatch):
    monkeypatch.delitem(sys.modules, 'mmsrn.cli.enhance', raising=False)
    monkeypatch.setitem(sys.modules, 'mmsrn.enhance', None)
    done = mmsrn('enhance', 'a', 'b')
    assert done.status == 2 and done.err.count('\n') == 1
    assert done.err.startswith('mmsrn enhance: error: import of mmsrn.enhance')
    assert done.err.endswith('; run mmsrn check-env to see what to install\n')


def test_interrupted(mmsrn, monkeypatch):
    def run(args):
        raise KeyboardInterrupt

    module = SimpleNamespace(run=run, add_arguments=lambda parser: None)
    monkeypatch.setattr(cli, '_module', lambda name: module)
    done = mmsrn('check-env')
    assert (done.status, done.out) == (130, '')
    assert done.err == (
        'mmsrn check-env: interrupted; unfinished files were removed\n'
    )


def test_nobody_reads(root):
    """As in ``mmsrn check-env | head -1``, which ended already."""
    code = (
        'import sys\n'
        'from mmsrn.cli import main as cli, check_env\n'
        'check_env.run = lambda *args: print("x" * 10000)\n'
        'sys.exit(cli.main(["check-env"]))\n'
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, '-c', code],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(root)),
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, '')
