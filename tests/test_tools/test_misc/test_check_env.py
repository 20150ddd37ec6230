"""The report on the environment, whole and broken."""

import subprocess
import sys

import pytest

from mmsrn.utils import env


@pytest.fixture
def tool(load_tool, monkeypatch):
    monkeypatch.setattr('sys.argv', ['check_env.py'])
    return load_tool('misc/check_env.py')


def test_this_environment(tool, capsys):
    """The tests run, so nothing may be reported wrong."""
    assert tool.main() == 0
    out = capsys.readouterr().out
    assert 'Everything that mmsrn needs is there.' in out
    assert not [x for x in out.splitlines() if x.startswith('!')]
    rows = dict(x[2:].split(maxsplit=1) for x in out.splitlines()[:3])
    assert rows['python'] == f'{sys.version.split()[0]} ({sys.executable})'
    assert 'cpu: runs' in out


def test_something_is_wrong(tool, capsys, monkeypatch):
    items = [
        env.EnvItem('python', '3.11'),
        env.EnvItem('mmcv', 'none', 'error', 'compile it'),
    ]
    monkeypatch.setattr(env, 'collect_env', lambda: items)
    assert tool.main() == 1
    assert capsys.readouterr().out.splitlines() == [
        '  python  3.11',
        '! mmcv    none',
        '          -> compile it',
        '',
        'mmsrn cannot run yet: see the lines marked with "!".',
    ]


def test_warning_is_no_failure(tool, monkeypatch):
    items = [env.EnvItem('opencv', '4.12', 'warn', 'look')]
    monkeypatch.setattr(env, 'collect_env', lambda: items)
    assert tool.main() == 0


def test_clone_in_a_python_without_packages(root, tmp_path):
    """It reports; it does not end in a traceback."""
    # The operators are tried in a process of their own, with these same eyes.
    code = (
        'import runpy, subprocess, sys\n'
        'run = subprocess.run\n'
        'subprocess.run = lambda command, **options: run('
        '[command[0], "-I", "-S", *command[1:]], **options)\n'
        f'script = {str(root / "tools/misc/check_env.py")!r}\n'
        'sys.argv = [script]\n'
        'runpy.run_path(script, run_name="__main__")\n'
    )
    done = subprocess.run(
        [sys.executable, '-I', '-S', '-c', code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (1, '')
    lines = done.stdout.splitlines()
    wrong = [x.split()[1] for x in lines if x.startswith('!')]
    assert wrong[:4] == ['torch', 'numpy', 'scipy', 'opencv']
    assert f'-> {sys.executable} -m pip install torch' in done.stdout
    assert "No module named 'torch'" in done.stdout
    own = next(x for x in lines if x.split()[:1] == ['mmsrn'])
    assert str(root / 'mmsrn') in own
    assert lines[-1].startswith('mmsrn cannot run yet')


def test_help(tool, monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['check_env.py', '--help'])
    with pytest.raises(SystemExit) as ended:
        tool.main()
    assert ended.value.code == 0
    assert 'Exit status 1' in capsys.readouterr().out
