"""The report on the environment, whole and broken."""

import subprocess
import sys

from mmsrn.utils import env


def test_this_environment(mmsrn):
    """The tests run, so nothing may be reported wrong."""
    done = mmsrn('check-env')
    assert done.status == 0
    assert 'Everything that mmsrn needs is installed.' in done.out
    lines = done.out.splitlines()
    assert not [x for x in lines if x.startswith('!')]
    rows = dict(x[2:].split(maxsplit=1) for x in lines[:3])
    assert rows['python'] == f'{sys.version.split()[0]} ({sys.executable})'
    assert 'cpu: runs' in done.out


def test_something_is_wrong(mmsrn, monkeypatch):
    items = [
        env.EnvItem('python', '3.11'),
        env.EnvItem('mmcv', 'none', 'error', 'compile it'),
    ]
    monkeypatch.setattr(env, 'collect_env', lambda: items)
    done = mmsrn('check-env')
    assert done.status == 1
    assert done.out.splitlines() == [
        '  python  3.11',
        '! mmcv    none',
        '          -> compile it',
        '',
        'mmsrn cannot run yet; fix the lines marked with "!".',
    ]


def test_warning_is_no_failure(mmsrn, monkeypatch):
    items = [env.EnvItem('opencv', '4.12', 'warn', 'look')]
    monkeypatch.setattr(env, 'collect_env', lambda: items)
    assert mmsrn('check-env').status == 0


def test_clone_in_a_python_without_packages(root):
    """It reports; it does not end in a traceback."""
    # The operators are tried in a process of their own, with these same eyes.
    code = (
        'import runpy, subprocess, sys\n'
        'run = subprocess.run\n'
        'subprocess.run = lambda command, **options: run('
        '[command[0], "-I", "-S", *command[1:]], **options)\n'
        f'sys.path[:0] = [{str(root)!r}]  # as python -m does\n'
        'sys.argv = ["mmsrn", "check-env"]\n'
        'runpy.run_module("mmsrn", run_name="__main__")\n'
    )
    done = subprocess.run(
        [sys.executable, '-I', '-S', '-c', code],
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
