"""The set-up: what it does to which environment; nothing is installed."""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from mmsrn.utils.env import OpsStatus, read_requirements

OPS_LESS = OpsStatus(error="No module named 'mmcv._ext'")
RUNS = OpsStatus(('cpu',))


@pytest.fixture
def tool(load_tool):
    return load_tool('misc/setup_env.py')


def script(path, text='exit 0'):
    """Write a program that a shell runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def tree(root, tool, tmp_path):
    """Copy of what defines the environment, and an interpreter."""
    folder = tmp_path / 'tree'
    for name in (*tool.DEFINING_FILES, 'mmsrn/utils/env.py'):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, folder / name)
    script(tool.venv_python(folder))
    return folder


class FakeVenv:
    """An environment that notes what it is asked to do.

    Args:
        root: The root of the repository.
        answers: Part of the code asked to what that gives: (succeeded, last
            line); a list of them is used up one by one.
        versions: Installed distributions.
    """

    def __init__(self, root, answers=(), **versions):
        self.root, self.python = root, '/x/python'
        self.answers = dict(answers)
        self.versions = {k.replace('_', '-'): v for k, v in versions.items()}
        self.calls, self.variables = [], []

    def ask(self, code):
        for part, answer in self.answers.items():
            if part in code:
                return answer.pop(0) if isinstance(answer, list) else answer
        return False, f'nothing is known of {code}'

    def version_of(self, name):
        return self.versions.get(name)

    def pip(self, *arguments, what, **environ):
        self.calls.append(list(arguments))
        self.variables.append(environ)

    def run(self, command, what, **environ):
        self.calls.append(command)

    def environ(self, **extra):
        return dict(PATH='/nowhere', **extra)


PIN = 'torch==2.13.0+cpu'


def error_of(tool, function, *args):
    with pytest.raises(tool.SetupError) as caught:
        function(*args)
    return caught.value


# --- the file itself ---------------------------------------------------------


def test_standard_library_only(root):
    source = (root / 'tools/misc/setup_env.py').read_text()
    # It has to tell the user of an old Python so, not fail on its own syntax.
    tree = ast.parse(source, feature_version=(3, 7))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name.split('.')[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.split('.')[0])
    assert 'subprocess' in imported
    assert imported <= set(sys.stdlib_module_names)


def test_runs_without_any_package(tree, tool):
    """Fresh: it returns at once, though no site-packages are seen."""
    tool.write_stamp(tree, None)
    file = tree / 'tools/misc/setup_env.py'
    done = subprocess.run(
        [sys.executable, '-I', '-S', file], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')


# --- the stamp ---------------------------------------------------------------


def test_fresh_until_something_changes(tree, tool):
    assert not tool.is_fresh(tree, None)
    tool.write_stamp(tree, None)
    assert tool.is_fresh(tree, None)


def test_stale_after_a_change(tree, tool):
    for name in tool.DEFINING_FILES:
        tool.write_stamp(tree, None)
        file = tree / name
        file.write_text(file.read_text() + '\n')
        assert not tool.is_fresh(tree, None), name
    tool.write_stamp(tree, None)
    env = tree / 'mmsrn/utils/env.py'
    env.write_text('# any other file does not count\n')
    assert tool.is_fresh(tree, None)


def test_stale_in_another_folder(tree, tool, tmp_path):
    tool.write_stamp(tree, None)
    moved = shutil.copytree(tree, tmp_path / 'moved')
    assert not tool.is_fresh(moved, None)


def test_stale_without_an_interpreter(tree, tool):
    tool.write_stamp(tree, None)
    python = tool.venv_python(tree)
    python.unlink()
    assert not tool.is_fresh(tree, None)
    python.symlink_to('/nowhere/python3')  # removed by an upgrade
    assert not tool.is_fresh(tree, None)


@pytest.mark.parametrize('text', ['', '{"key": "', '[]', 'null', '{}'])
def test_damaged_stamp_counts_as_none(tree, tool, text):
    tool.stamp_path(tree).write_text(text)
    assert not tool.is_fresh(tree, None)


def test_torch_of_the_stamp(tree, tool):
    tool.write_stamp(tree, 'torch==2.9')
    assert tool.is_fresh(tree, None)
    assert tool.is_fresh(tree, 'torch==2.9')
    assert not tool.is_fresh(tree, 'torch==2.10')
    tool.write_stamp(tree, None)
    assert not tool.is_fresh(tree, 'torch==2.9')


def test_unfinished_stamp(tree, tool):
    tool.write_stamp(tree, 'torch==2.9', complete=False)
    assert not tool.is_fresh(tree, None)
    assert tool.read_stamp(tree)['torch'] == 'torch==2.9'


# --- the program -------------------------------------------------------------


@pytest.fixture
def main(tree, tool, monkeypatch):
    """Function that runs the program; what it sets up is noted."""
    monkeypatch.setattr(tool, 'ROOT', tree)
    monkeypatch.setattr(tool, 'find_python', lambda: sys.executable)
    done = []
    monkeypatch.setattr(tool, 'set_up', lambda *args: done.append(args))

    def run(*args):
        return tool.main(list(args)), done

    return run


def test_fresh_environment_is_left_alone(main, tree, tool, capsys):
    tool.write_stamp(tree, None)
    assert main() == (0, [])
    assert capsys.readouterr() == ('', '')


def test_stale_environment_is_set_up(main, tree, tool):
    assert main() == (0, [(tree, sys.executable, None)])


def test_torch_is_passed_on(main, tree, tool):
    tool.write_stamp(tree, None)
    spec = 'torch==2.9 --index-url https://example.org'
    assert main('--torch', spec) == (0, [(tree, sys.executable, spec)])


def test_failure_and_its_remedy(main, tool, monkeypatch, capsys):
    def fail(*args):
        raise tool.SetupError('no disk', 'buy one')

    monkeypatch.setattr(tool, 'set_up', fail)
    assert main()[0] == 1
    err = capsys.readouterr().err
    assert err == '\nset-up failed: no disk\nremedy: buy one\n'


def test_interrupted(main, tool, monkeypatch, capsys):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(tool, 'set_up', interrupt)
    assert main()[0] == 130
    assert 'run it again to go on' in capsys.readouterr().err


def test_another_set_up_finished_meanwhile(main, tool, monkeypatch):
    answers = [False, True]
    monkeypatch.setattr(tool, 'is_fresh', lambda *args: answers.pop(0))
    assert main() == (0, [])


def test_one_at_a_time(tool, tmp_path, capsys):
    import fcntl

    path = tmp_path / 'lock'
    path.touch()
    child = (
        'import fcntl, sys, time\n'
        f'lock = open({str(path)!r}, "rb")\n'
        'fcntl.flock(lock, fcntl.LOCK_EX)\n'
        'print("locked", flush=True)\n'
        'time.sleep(0.5)\n'
        f'open({str(path)!r}, "w").write("done")\n'
    )
    process = subprocess.Popen(
        [sys.executable, '-S', '-c', child], stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout.readline() == b'locked\n'
        with tool.one_at_a_time(path):
            assert path.read_text() == 'done'
            with path.open('rb') as other, pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert 'another set-up is at work' in capsys.readouterr().out


def test_starts_again_in_a_supported_python(main, tool, monkeypatch):
    monkeypatch.setattr(tool, 'find_python', lambda: '/x/python3.11')
    started = []

    def execv(path, args):
        started.append((path, args))
        raise SystemExit  # it does not return

    monkeypatch.setattr(tool.os, 'execv', execv)
    for options in ([], ['--torch', 'torch==2.9']):
        with pytest.raises(SystemExit):
            main(*options)
        path, (python, file, *rest) = started.pop()
        assert path == python == '/x/python3.11' and rest == options
        assert Path(file).name == 'setup_env.py'


def test_find_python(tool, monkeypatch, tmp_path):
    own = '{}.{}'.format(*sys.version_info[:2])
    assert tool.find_python() == sys.executable
    others = tuple(x for x in ('3.10', '3.11', '3.12', '3.13') if x != own)
    monkeypatch.setattr(tool, 'PYTHONS', others)
    monkeypatch.setenv('PATH', str(tmp_path))
    error = error_of(tool, tool.find_python)
    assert f'is Python {own}; mmsrn can be set up with 3.1' in str(error)
    assert 'make PYTHON=' in error.remedy
    script(tmp_path / f'python{others[0]}', 'exit 1')  # a broken shim
    right = script(tmp_path / f'python{others[1]}', f'echo {others[1]}')
    assert tool.find_python() == right


# --- the steps in order ------------------------------------------------------


@pytest.fixture
def steps(tool, tree, monkeypatch):
    """Steps that were done, each with the stamp it found."""
    done = []

    def note(name):
        def step(*args):
            done.append((name, tool.read_stamp(tree), args[1:]))
            return PIN if name == 'ensure_torch' else None

        monkeypatch.setattr(tool, name, step)

    for name in ('check_build_tools', 'make_venv', 'ensure_torch'):
        note(name)
    for name in ('ensure_mmcv', 'install_mmsrn', 'final_check'):
        note(name)
    return done


def test_steps(tool, tree, steps):
    tool.write_stamp(tree, 'torch==2.8')
    tool.set_up(tree, sys.executable, 'torch==2.9')
    names = [name for name, _, _ in steps]
    assert names == [
        'make_venv',
        'ensure_torch',
        'ensure_mmcv',
        'install_mmsrn',
        'final_check',
    ]
    found = {name: stamp for name, stamp, _ in steps}
    # Interrupted, it is stale, and knows which torch is there.
    assert found['ensure_torch'] == dict(key=None, torch='torch==2.8')
    assert found['ensure_mmcv'] == dict(key=None, torch='torch==2.9')
    assert steps[1][2] == ('torch==2.9', 'torch==2.8')
    assert [arguments for _, _, arguments in steps[2:4]] == [(PIN,)] * 2
    assert tool.is_fresh(tree, 'torch==2.9')


def test_named_torch_is_remembered(tool, tree, steps):
    tool.write_stamp(tree, 'torch==2.8')
    tool.set_up(tree, sys.executable, None)
    assert tool.read_stamp(tree)['torch'] == 'torch==2.8'
    assert tool.is_fresh(tree, 'torch==2.8')


def test_failing_check_leaves_it_stale(tool, tree, steps, monkeypatch):
    def fail(venv):
        raise tool.SetupError('a', 'b')

    tool.write_stamp(tree, None)
    monkeypatch.setattr(tool, 'final_check', fail)
    error_of(tool, tool.set_up, tree, sys.executable, None)
    assert not tool.is_fresh(tree, None)


def test_missing_compiler_is_told_before_the_downloads(
    tool, tree, steps, monkeypatch
):
    shutil.rmtree(tree / '.venv')

    def lacking(python, environ):
        assert python == '/x/python'
        raise tool.SetupError('no compiler', 'install one')

    monkeypatch.setattr(tool, 'check_build_tools', lacking)
    error_of(tool, tool.set_up, tree, '/x/python', None)
    assert steps == [] and not (tree / '.venv').exists()


# --- what the machine must bring ---------------------------------------------


def test_find_compiler(tool, tmp_path):
    environ = dict(PATH=str(tmp_path))
    assert tool.find_compiler(environ) is None
    for name in ('clang++', 'g++', 'c++'):  # the last one is preferred
        expected = script(tmp_path / name)
        assert tool.find_compiler(environ) == expected
    script(tmp_path / 'ccache')
    named = dict(environ, CXX='ccache g++')
    assert tool.find_compiler(named) == 'ccache g++'
    assert tool.find_compiler(dict(environ, CXX='icpx')) is None
    assert tool.find_compiler(dict(environ, CXX='')) == expected


def test_compiler_with_a_blank_in_its_path(tool, tmp_path):
    folder = tmp_path / 'my tools'
    script(folder / 'c++', 'echo "$@"; exit 1')
    environ = dict(PATH=str(folder))
    said = tool.compiler_error(tool.find_compiler(environ), environ)
    assert said == '-std=c++17 -fsyntax-only -x c++ -'


def test_compiler_with_arguments(tool, tmp_path):
    environ = dict(PATH=str(tmp_path))
    script(tmp_path / 'ccache', 'echo "$@"; exit 1')
    said = tool.compiler_error('ccache g++', environ)
    assert said.startswith('g++ -std=c++17 ')


def test_compiler_is_tried(tool, tmp_path):
    good = script(tmp_path / 'good', 'echo a warning >&2')
    assert tool.compiler_error(good, {}) == ''
    old = script(tmp_path / 'old', 'echo no such option >&2; exit 1')
    assert tool.compiler_error(old, {}) == 'no such option'


@pytest.fixture
def headers(tool, tmp_path, monkeypatch):
    """Folder of Python's headers."""
    folder = tmp_path / 'include/python3.11'
    folder.mkdir(parents=True)
    (folder / 'Python.h').touch()
    monkeypatch.setattr(tool, 'python_include', lambda python: str(folder))
    return folder


def test_machine_that_has_everything(tool, tmp_path, headers):
    script(tmp_path / 'c++')
    environ = dict(PATH=str(tmp_path))
    assert tool.missing_build_tools('python', environ) == []
    tool.check_build_tools('python', environ)


def test_machine_that_lacks_everything(tool, tmp_path, headers):
    (headers / 'Python.h').unlink()
    environ = dict(PATH=str(tmp_path))
    error = error_of(tool, tool.check_build_tools, 'python', environ)
    first, compiler, include = str(error).splitlines()
    assert 'must be compiled, and this machine lacks:' in first
    assert 'apt-get install g++' in compiler and 'found none)' in compiler
    assert f'{headers}/Python.h' in include
    assert 'apt-get install python3.11-dev' in include
    assert 'run the same command again' in error.remedy


def test_named_compiler_that_is_not_there(tool, tmp_path, headers):
    environ = dict(PATH=str(tmp_path), CXX='g++-99')
    (sentence,) = tool.missing_build_tools('python', environ)
    assert 'the compiler in $CXX (g++-99), which is not there' in sentence


def test_compiler_that_does_not_work(tool, tmp_path, headers):
    path = script(tmp_path / 'c++', 'echo no optional; echo more; exit 1')
    environ = dict(PATH=str(tmp_path))
    (sentence,) = tool.missing_build_tools('python', environ)
    assert f'{path} says "no optional". ' in sentence


def test_headers_of_a_python(tool):
    assert Path(tool.python_include(sys.executable)).name.startswith('python')


@pytest.mark.parametrize(
    'environ, cores, memory, jobs',
    [
        ({}, 8, 3.9, 3),
        ({}, 2, 64.0, 2),
        ({}, 8, 0.4, 1),
        ({}, 8, 0, 8),
        ({'MAX_JOBS': '5'}, 2, 1.0, 5),
        ({'MAX_JOBS': '0'}, 2, 1.0, 1),
        ({'MAX_JOBS': 'many'}, 2, 64.0, 2),
    ],
)
def test_build_jobs(tool, environ, cores, memory, jobs):
    assert tool.build_jobs(environ, cores, memory) == jobs


def test_available_memory(tool, monkeypatch):
    text = 'MemTotal:  8 kB\nMemAvailable:    3145728 kB\nBuffers: 1 kB\n'
    monkeypatch.setattr(tool.Path, 'read_text', lambda self: text)
    assert tool.available_gib() == 3.0
    monkeypatch.setattr(tool.Path, 'read_text', lambda self: 'MemTotal: 8 kB')
    assert tool.available_gib() == 0

    def absent(self):
        raise FileNotFoundError

    monkeypatch.setattr(tool.Path, 'read_text', absent)
    assert tool.available_gib() == 0


# --- running commands --------------------------------------------------------


def test_progress(tool):
    seconds = iter([100.0, 107.9, 225.0])
    progress = tool.Progress('compiling', clock=lambda: next(seconds))
    assert progress.message() == 'compiling: 7 s'
    for line in ('[3/107] c++ -c a.cpp', 'warning: [5/6] of nothing'):
        progress.feed(line)
    assert progress.message() == 'compiling: 3 of 107 files, 2 min 05 s'


@pytest.mark.parametrize(
    'text, remedy',
    [
        ('OSError: [Errno 28] No space left on device', 'disk space'),
        ('c++: fatal error: Killed signal terminated cc1plus', 'MAX_JOBS=1'),
        ('ReadTimeoutError(...)', 'PIP_INDEX_URL'),
        ('No matching distribution found for torch==9', 'TORCH=torch=='),
        ('error: uninstall-no-record-file', 'rm -rf .venv'),
        ('The detected CUDA version (11) mismatches', 'CUDA toolkit'),
        ('something else', 'docs/install.md'),
    ],
)
def test_remedy_for_a_log(tool, text, remedy):
    assert remedy in tool.remedy_for_log(f'first line\n{text}\nlast line')


def test_tail(tool):
    text = '\n'.join([*map(str, range(40)), 'x' * 999]) + '\n\n'
    lines = tool.tail(text, 3).splitlines()
    assert lines == ['    38', '    39', '    ' + 'x' * 300]


@pytest.fixture
def venv(tree, tool):
    """The class itself, around the Python that runs the tests."""
    venv = tool.Venv(tree)
    venv.python = sys.executable
    return venv


def test_run(venv, tree, monkeypatch):
    monkeypatch.setenv('MAX_JOBS', '9')
    code = (
        'import os, sys\n'
        'names = "PIP_NO_INPUT MAX_JOBS".split()\n'
        'print(os.getcwd(), *map(os.environ.get, names), flush=True)\n'
        'sys.stderr.write("caf\\u00e9")'
    )
    text = venv.run([sys.executable, '-c', code], 'asking', MAX_JOBS='2')
    assert text == f'{tree} 1 2\ncafé'
    log = venv.log.read_text(encoding='utf-8')
    assert log.startswith(f'\n$ {sys.executable} -c ') and text in log


def test_variables_of_the_caller(venv, monkeypatch):
    """None of them may lead pip or Python out of the environment."""
    away = ('PYTHONPATH', 'PYTHONHOME', 'PIP_TARGET', 'PIP_PREFIX')
    for name in away:
        monkeypatch.setenv(name, '/elsewhere')
    monkeypatch.setenv('PIP_USER', '1')
    monkeypatch.setenv('PIP_INDEX_URL', 'https://example.org')
    environ = venv.environ(CFLAGS='-O2')
    assert not set(away) & set(environ)
    assert environ['PIP_USER'] == '0'
    assert environ['PIP_NO_INPUT'] == '1'
    assert environ['PIP_INDEX_URL'] == 'https://example.org'
    assert environ['CFLAGS'] == '-O2' and os.environ['PIP_USER'] == '1'


def test_run_that_fails(venv, tool):
    code = 'print("No space left on device"); raise SystemExit(7)'
    command = [sys.executable, '-c', code]
    error = error_of(tool, venv.run, command, 'filling')
    assert str(error).splitlines() == [
        'filling failed (exit status 7):',
        '    No space left on device',
        f'  (full log: {venv.log})',
    ]
    assert 'free some disk space' in error.remedy


def test_signs_of_life(venv, tool, monkeypatch, capsys):
    monkeypatch.setattr(tool, 'HEARTBEAT', 0.02)
    code = 'import time; print("[1/9] a", flush=True); time.sleep(0.3)'
    venv.run([sys.executable, '-S', '-c', code], 'compiling')
    assert '[set-up] compiling: 1 of 9 files, 0 s' in capsys.readouterr().out
    time.sleep(0.1)
    assert capsys.readouterr().out == ''  # they end with the command


def test_interrupted_command_is_ended(venv, tool, monkeypatch):
    processes = []

    class Interrupted(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            processes.append(self)

    def interrupt(self, line):
        raise KeyboardInterrupt

    monkeypatch.setattr(tool.subprocess, 'Popen', Interrupted)
    monkeypatch.setattr(tool.Progress, 'feed', interrupt)
    code = 'import time; print("started", flush=True); time.sleep(60)'
    with pytest.raises(KeyboardInterrupt):
        venv.run([sys.executable, '-c', code], 'waiting')
    assert processes[0].returncode == -15


def is_running(pid):
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rsplit(')')[1].split()
    except FileNotFoundError:
        return False
    return state[0] != 'Z'  # a zombie that init has not taken yet


@pytest.mark.parametrize('ending', [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize('stubborn', [False, True])
def test_all_ends_before_the_lock_is_free(tree, tool, ending, stubborn):
    """pip's own children too, here a shell's, end with a killed set-up."""
    trap = "trap '' TERM; " if stubborn else ''
    # The locked file of the real tree is not to be waited for.
    code = (
        'import importlib.util as util, signal, sys\n'
        'from pathlib import Path\n'
        # Under nohup the tests would hand on that it is ignored.
        'signal.signal(signal.SIGHUP, signal.SIG_DFL)\n'
        f'spec = util.spec_from_file_location("tool", {tool.__file__!r})\n'
        'tool = util.module_from_spec(spec)\n'
        'spec.loader.exec_module(tool)\n'
        f'tool.ROOT = Path({str(tree)!r})\n'
        'tool.__file__ = str(tool.ROOT / "tools/misc/setup_env.py")\n'
        'tool.GRACE = 0.3\n'
        f'shell = "{trap}sleep 60 & echo $!; wait; sleep 60"\n'
        'def set_up(root, *_):\n'
        '    tool.Progress.feed = lambda self, line: print(line, flush=True)\n'
        '    tool.Venv(root).run(["sh", "-c", shell], "waiting")\n'
        'tool.set_up = set_up\n'
        'tool.find_python = lambda: sys.executable\n'
        'sys.exit(tool.main([]))\n'
    )
    process = subprocess.Popen(
        [sys.executable, '-S', '-c', code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        pid = int(process.stdout.readline())
        assert is_running(pid)
        process.send_signal(ending)
        assert process.wait(30) == 130
        assert not is_running(pid)
        assert 'run it again to go on' in process.stderr.read()


def test_signals_are_given_back(tool):
    numbers = (signal.SIGTERM, signal.SIGHUP)
    former = [signal.signal(x, signal.SIG_IGN) for x in numbers]
    try:
        with tool.signals_as_interrupt():  # as below nohup
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with (
            pytest.raises(KeyboardInterrupt),
            tool.signals_as_interrupt(),
        ):
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        for number, handler in zip(numbers, former):
            signal.signal(number, handler)


def test_pip_command(venv, monkeypatch):
    calls = []
    monkeypatch.setattr(
        venv, 'run', lambda *args, **environ: calls.append((args, environ))
    )
    venv.pip('a', '--b', what='installing a', CFLAGS='-O2')
    (((command, what), environ),) = calls
    options = '--progress-bar off --disable-pip-version-check'.split()
    install = [sys.executable, '-m', 'pip', 'install', *options]
    assert command == [*install, 'a', '--b'] and what == 'installing a'
    assert environ == dict(CFLAGS='-O2')


def test_ask(venv):
    assert venv.ask('print(1); print(2)') == (True, '2')
    assert venv.ask('pass') == (True, '')
    assert venv.ask('raise KeyError(3)') == (False, 'KeyError: 3')
    assert venv.version_of('pytest') == pytest.__version__
    assert venv.version_of('no-such-thing') is None


# --- the environment ---------------------------------------------------------


@pytest.fixture
def no_pip(tool, monkeypatch):
    """Environments that were given a pip, which none is."""
    given = []
    monkeypatch.setattr(
        tool, 'ensure_pip', lambda venv, python: given.append(venv.root)
    )
    return given


def test_new_environment(tool, tree, no_pip):
    shutil.rmtree(tree / '.venv')
    venv = tool.Venv(tree)
    tool.make_venv(venv, sys.executable)
    assert no_pip == [tree] and (tree / '.venv/pyvenv.cfg').is_file()
    ok, prefix = venv.ask('import sys; print(sys.prefix)')
    assert ok and Path(prefix) == tree / '.venv'


@pytest.mark.parametrize('leftover', [False, True])
def test_command_that_makes_it(tool, tree, no_pip, monkeypatch, leftover):
    """Without pip: Debian ships ensurepip apart, and venv would fail."""
    folder = tree / '.venv'
    if leftover:
        (folder / 'pyvenv.cfg').touch()
        tool.venv_python(tree).unlink()
    else:
        shutil.rmtree(folder)
    calls = []
    monkeypatch.setattr(
        tool.subprocess, 'run', lambda command, **kwargs: calls.append(command)
    )
    tool.make_venv(tool.Venv(tree), '/x/python')
    clear = ['--clear'] * leftover
    options = [*clear, '--without-pip', str(folder)]
    assert calls == [['/x/python', '-m', 'venv', *options]]


def test_environment_whose_python_is_gone(tool, tree, no_pip, capsys):
    folder = tree / '.venv'
    (folder / 'pyvenv.cfg').touch()
    (folder / 'leftover').touch()
    tool.venv_python(tree).unlink()
    tool.venv_python(tree).symlink_to('/nowhere/python3')
    tool.make_venv(tool.Venv(tree), sys.executable)
    assert os.access(tool.venv_python(tree), os.X_OK)
    assert not (folder / 'leftover').exists()
    assert 'making .venv anew' in capsys.readouterr().out


def test_folder_of_somebody_else(tool, tree, no_pip):
    folder = tree / '.venv'
    tool.venv_python(tree).unlink()
    (folder / 'thesis.tex').touch()
    error = error_of(tool, tool.make_venv, tool.Venv(tree), sys.executable)
    assert str(error) == f'{folder} exists and is not a virtual environment'
    assert (folder / 'thesis.tex').exists()


def test_environment_of_an_unsupported_python(tool, tree, no_pip):
    script(tool.venv_python(tree), 'echo 3.8')
    error = error_of(tool, tool.make_venv, tool.Venv(tree), sys.executable)
    assert 'holds Python 3.8' in str(error)
    assert 'rm -rf .venv' in error.remedy
    script(tool.venv_python(tree), 'echo 3.12')
    tool.make_venv(tool.Venv(tree), sys.executable)
    assert no_pip == [tree]


def test_python_that_makes_no_environment(tool, tree, no_pip, tmp_path):
    shutil.rmtree(tree / '.venv')
    python = script(tmp_path / 'python3', 'exit 1')
    error = error_of(tool, tool.make_venv, tool.Venv(tree), python)
    assert 'apt-get install python3-venv' in error.remedy


@pytest.mark.parametrize(
    'pip, ensurepip, called',
    [
        (True, True, ''),
        (False, True, '/x/python -m ensurepip --default-pip'),
        (False, False, '/system/python -m pip --python /x/python install pip'),
    ],
)
def test_ensure_pip(tool, pip, ensurepip, called):
    answers = {'import pip': (pip, ''), 'import ensurepip': (ensurepip, '')}
    venv = FakeVenv(Path(), answers)
    tool.ensure_pip(venv, '/system/python')
    assert venv.calls == ([called.split()] if called else [])


def test_no_pip_at_all(tool, monkeypatch):
    def fail(command, what):
        raise tool.SetupError('no pip', 'none')

    venv = FakeVenv(Path())
    venv.run = fail
    error = error_of(tool, tool.ensure_pip, venv, '/system/python')
    assert 'neither ensurepip nor a pip that works' in str(error)
    assert 'python3-venv' in error.remedy


# --- torch -------------------------------------------------------------------

GOOD, BAD = (True, '2.13.0+cpu'), (False, 'ImportError: libcudart.so')
OLD = (True, '2.3.1+cpu')


def torch_calls(tool, answers, *args, **versions):
    venv = FakeVenv(tool.ROOT, {'import torch': answers}, **versions)
    assert tool.ensure_torch(venv, *args) == PIN
    return venv.calls


def test_torch_is_installed(tool):
    default = tool.DEFAULT_TORCH
    assert torch_calls(tool, [BAD, GOOD], None) == [[default]]
    spec = "torch==2.9 --index-url 'https://example.org/a b'"
    words = ['torch==2.9', '--index-url', 'https://example.org/a b']
    assert torch_calls(tool, [BAD, GOOD], spec) == [words]
    assert torch_calls(tool, [BAD, GOOD], None, spec) == [words]


def test_usable_torch_is_kept(tool):
    assert torch_calls(tool, [GOOD], None) == []
    assert torch_calls(tool, [GOOD], None, 'torch==2.9') == []
    assert torch_calls(tool, [GOOD], 'torch==2.9', 'torch==2.9') == []


def test_another_build_of_the_same_version(tool):
    """pip alone would keep the one with CUDA."""
    spec = 'torch==2.13.0 --index-url cpu'
    words = spec.split()
    assert torch_calls(tool, [GOOD, GOOD], spec, torch='2.13.0') == [
        [*words, '--force-reinstall', '--no-deps'],
        words,
    ]


def test_broken_torch_is_replaced(tool):
    calls = torch_calls(tool, [BAD, GOOD], None, torch='2.13.0')
    assert calls == [[tool.DEFAULT_TORCH, '--force-reinstall']]


def test_torch_that_does_not_import(tool):
    venv = FakeVenv(tool.ROOT, {'import torch': BAD})
    error = error_of(tool, tool.ensure_torch, venv, None)
    assert 'ImportError: libcudart.so' in str(error)
    assert 'TORCH=torch==VERSION' in error.remedy


def test_torch_that_is_too_old(tool):
    venv = FakeVenv(tool.ROOT, {'import torch': [BAD, OLD]})
    error = error_of(tool, tool.ensure_torch, venv, 'torch==2.3.1')
    assert 'torch 2.3.1+cpu is too old: mmsrn needs torch>=' in str(error)
    assert f'make env TORCH={tool.DEFAULT_TORCH}' in error.remedy


def test_old_torch_is_not_kept(tool):
    """After a refusal the remedy must lead on."""
    spec = tool.DEFAULT_TORCH
    for arguments in ([None], [spec], [spec, spec]):
        calls = torch_calls(tool, [OLD, GOOD], *arguments)
        assert calls[0] == [spec, '--force-reinstall', '--no-deps']


def test_torch_of_this_environment(tool, tree):
    """The probe itself runs, and gives the version that pip knows."""
    import importlib.metadata

    venv = tool.Venv(tree)
    venv.python = sys.executable
    pin = f'torch=={importlib.metadata.version("torch")}'
    assert tool.ensure_torch(venv, None) == pin


# --- OpenCV and CUDA ---------------------------------------------------------


def opencv_calls(tool, answer):
    venv = FakeVenv(Path(), {'import cv2': answer}, opencv_python='4.12.0.88')
    tool.ensure_opencv(venv)
    return venv.calls


def test_headless_opencv_where_libraries_lack(tool):
    why = 'ImportError: libGL.so.1: cannot open shared object file: ...'
    (call,) = opencv_calls(tool, (False, why))
    package = 'opencv-python-headless==4.12.0.88'
    assert call == ['--force-reinstall', '--no-deps', package]


def test_opencv_is_left_alone(tool):
    assert opencv_calls(tool, (True, '')) == []
    absent = "ModuleNotFoundError: No module named 'cv2'"
    assert opencv_calls(tool, (False, absent)) == []


def test_gpu_without_a_compiler(tool):
    venv = FakeVenv(Path(), {'CUDA_HOME': (True, 'lacks 12.8')})
    error = error_of(tool, tool.check_cuda_compiler, venv)
    assert 'no CUDA 12.8 toolkit' in str(error)
    assert "CUDA_VISIBLE_DEVICES='' make env" in error.remedy
    venv.answers['CUDA_HOME'] = (True, 'fine None')
    tool.check_cuda_compiler(venv)


def test_cuda_probe_that_fails(tool):
    venv = FakeVenv(Path(), {'CUDA_HOME': (False, 'ImportError: ROCM_HOME')})
    error = error_of(tool, tool.check_cuda_compiler, venv)
    assert 'ImportError: ROCM_HOME' in str(error)
    assert 'TORCH=torch==VERSION' in error.remedy


@pytest.mark.parametrize(
    'gpu, cuda_home, rocm_home, said',
    [
        (True, None, None, 'lacks 12.8\n'),
        (True, '/cuda', None, 'fine 12.8\n'),
        (True, None, '/rocm', 'fine 12.8\n'),
        (False, None, None, 'fine 12.8\n'),
    ],
)
def test_cuda_probe(
    tool, monkeypatch, capsys, gpu, cuda_home, rocm_home, said
):
    import torch
    from torch.utils import cpp_extension

    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    monkeypatch.setattr(torch.version, 'cuda', '12.8')
    monkeypatch.setattr(cpp_extension, 'CUDA_HOME', cuda_home)
    monkeypatch.setattr(cpp_extension, 'ROCM_HOME', rocm_home)
    exec(tool.CUDA_PROBE, {})
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    'listed, found',
    [
        ('onedl_mmcv-2.3.6-cp{}-cp{}-linux_x86_64.whl (5 MB)', True),
        ('onedl_mmcv-2.3.6-cp37-cp37m-linux_x86_64.whl (5 MB)', False),
        ('No locally built wheels cached.', False),
    ],
)
def test_cached_wheel(tool, tree, listed, found):
    own = '{}{}'.format(*sys.version_info[:2])
    venv = tool.Venv(tree)
    version = '{}.{}'.format(*sys.version_info[:2])
    venv.python = script(
        tree / 'python',
        f'[ "$2" = pip ] && echo " - {listed.format(own, own)}" '
        f'|| echo {version}',
    )
    assert tool.has_cached_wheel(venv) == found


# --- mmcv --------------------------------------------------------------------

REBUILD = '-v --no-build-isolation --force-reinstall --no-deps'.split()


@pytest.fixture
def mmcv(tool, root, monkeypatch):
    """Function that runs the step; each look at the operators finds one."""
    monkeypatch.setattr(tool, 'check_build_tools', lambda *args: None)
    monkeypatch.setattr(tool, 'check_cuda_compiler', lambda venv: None)
    monkeypatch.setattr(tool, 'has_cached_wheel', lambda venv: False)
    monkeypatch.setattr(tool, 'ensure_opencv', lambda venv: None)
    monkeypatch.setattr(tool.shutil, 'which', lambda name: f'/usr/bin/{name}')
    monkeypatch.setattr(tool, 'usable_cores', lambda: 3)
    monkeypatch.setattr(tool, 'available_gib', lambda: 64.0)
    for name in ('CFLAGS', 'CXX', 'MAX_JOBS'):
        monkeypatch.delenv(name, raising=False)

    def run(*found, **versions):
        found = list(found)
        real = tool.load_env_module(root)

        def probe(python, environ):
            assert python == '/x/python' and environ['PATH'] == '/nowhere'
            return found.pop(0)

        fake = types.SimpleNamespace(
            probe_ops=probe,
            remedy_for_ops=real.remedy_for_ops,
            read_requirements=real.read_requirements,
        )
        monkeypatch.setattr(tool, 'load_env_module', lambda root: fake)
        run.venv = FakeVenv(root, **versions)
        tool.ensure_mmcv(run.venv, PIN)
        assert found == []
        return run.venv

    return run


def test_running_operators_are_kept(mmcv):
    assert mmcv(RUNS).calls == []


def test_first_installation(mmcv, tool, capsys):
    venv = mmcv(OPS_LESS, RUNS)
    tools, install = venv.calls
    assert tools == list(tool.BUILD_TOOLS)
    line = read_requirements(venv.root / 'setup.cfg', 'onedl')
    assert len([x for x in line if x.startswith('onedl-')]) == 3
    # -v: the files that ninja counts are shown only with it.
    assert install == ['-v', '--no-build-isolation', *line, PIN]
    variables = dict(MMCV_WITH_OPS='1', CFLAGS='-g0 -O2', MAX_JOBS='3')
    assert venv.variables[1] == variables
    assert '10 to 20 minutes' in capsys.readouterr().out


def test_flags_of_the_user(mmcv, monkeypatch):
    monkeypatch.setenv('CFLAGS', '-O3')
    monkeypatch.setenv('MAX_JOBS', '7')
    variables = mmcv(OPS_LESS, RUNS).variables[1]
    assert (variables['CFLAGS'], variables['MAX_JOBS']) == ('-O3', '7')


def test_compiler_of_another_name(mmcv, tool, monkeypatch):
    """Builds look for c++ unless they are told."""
    monkeypatch.setattr(tool.shutil, 'which', lambda name: None)
    monkeypatch.setattr(tool, 'find_compiler', lambda environ: '/x/clang++')
    assert mmcv(OPS_LESS, RUNS).variables[1]['CXX'] == '/x/clang++'
    # The user's own reaches the build through the environment.
    monkeypatch.setenv('CXX', 'ccache g++')
    assert 'CXX' not in mmcv(OPS_LESS, RUNS).variables[1]


def test_cached_wheel_without_operators(mmcv, tool, monkeypatch, capsys):
    monkeypatch.setattr(tool, 'has_cached_wheel', lambda venv: True)
    venv = mmcv(OPS_LESS, OPS_LESS, RUNS)
    _, install, forget, rebuild = venv.calls
    assert '--force-reinstall' not in install
    # The new wheel has to take the place of the bad one in the cache.
    assert forget == '/x/python -m pip cache remove onedl_mmcv'.split()
    assert rebuild[:-1] == REBUILD
    assert rebuild[-1].startswith('onedl-mmcv>=')
    assert venv.variables[-1]['MMCV_WITH_OPS'] == '1'
    out = capsys.readouterr().out
    assert "from pip's cache" in out and 'its operators do not run' in out


def test_installed_without_operators(mmcv):
    venv = mmcv(OPS_LESS, RUNS, onedl_mmcv='2.3.6')
    _, rebuild = venv.calls  # nothing is in the cache
    assert rebuild[:-1] == REBUILD


def test_compiled_against_another_torch(mmcv):
    other = OpsStatus(error='ended by signal 11')
    assert len(mmcv(other, RUNS, onedl_mmcv='2.3.6').calls) == 2


def test_operators_that_never_run(mmcv, tool):
    error = error_of(tool, mmcv, OPS_LESS, OPS_LESS, OPS_LESS)
    assert 'operators of mmcv do not run' in str(error)
    assert "'mmcv._ext'" in str(error)


@pytest.mark.parametrize('error', ['ended by signal 11', 'libc10.so: cannot'])
def test_remedy_where_no_build_helped(mmcv, tool, error):
    other = OpsStatus(error=error)
    with pytest.raises(tool.SetupError) as caught:
        mmcv(other, other, onedl_mmcv='2.3.6')
    remedy = caught.value.remedy
    assert remedy.startswith('/x/python -m pip cache remove onedl_mmcv')
    assert 'MMCV_WITH_OPS=1' in remedy


ADDICT = OpsStatus(error="No module named 'addict'")


def test_what_mmcv_imports_is_installed(mmcv, tool, capsys):
    venv = mmcv(ADDICT, RUNS, onedl_mmcv='2.3.6')
    tools, install = venv.calls
    assert tools == list(tool.BUILD_TOOLS)
    line = read_requirements(venv.root / 'setup.cfg', 'onedl')
    assert install == ['-v', '--no-build-isolation', *line, PIN]
    assert "No module named 'addict'" in capsys.readouterr().out


def test_operators_behind_what_mmcv_imports(mmcv):
    *_, rebuild = mmcv(ADDICT, OPS_LESS, RUNS, onedl_mmcv='2.3.6').calls
    assert rebuild[:-1] == REBUILD


def test_failure_that_no_build_mends(mmcv, tool):
    error = error_of(tool, mmcv, ADDICT, ADDICT)
    assert error.remedy == '/x/python -m pip install addict'
    assert len(mmcv.venv.calls) == 2  # build tools, the line
    assert '--force-reinstall' not in mmcv.venv.calls[1]


def test_nothing_is_installed_without_a_compiler(mmcv, tool, monkeypatch):
    def lacking(python, environ):
        raise tool.SetupError('no compiler', 'install one')

    monkeypatch.setattr(tool, 'check_build_tools', lacking)
    error = error_of(tool, mmcv, OPS_LESS)
    assert str(error) == 'no compiler' and mmcv.venv.calls == []


def test_opencv_is_mended_before_operators_are_tried(mmcv, tool, monkeypatch):
    """A set-up that was interrupted between the two goes on."""
    mended = []
    monkeypatch.setattr(tool, 'ensure_opencv', mended.append)
    venv = mmcv(RUNS, onedl_mmcv='2.3.6')
    assert mended == [venv] and venv.calls == []


# --- mmsrn -------------------------------------------------------------------


def test_requirements(tool, root):
    requirements = read_requirements(root / 'setup.cfg', 'onedl')
    assert tool.pick_requirement(requirements, 'onedl-mmcv') in requirements
    assert tool.pick_requirement(['a-b>=1', 'a[x]<2'], 'a') == 'a[x]<2'
    with pytest.raises(KeyError, match='lists no mmcv'):
        tool.pick_requirement(requirements, 'mmcv')


def test_install_and_check(tool, root, monkeypatch):
    mended = []
    monkeypatch.setattr(tool, 'ensure_opencv', mended.append)
    venv = FakeVenv(root)
    tool.install_mmsrn(venv, PIN)
    tool.final_check(venv)
    tools, install, check = venv.calls
    assert tools == list(tool.BUILD_TOOLS) and mended == [venv]
    line = [
        '--no-build-isolation',
        '--editable',
        '.[onedl,demo,dev,docs,export]',
        PIN,
    ]
    assert install == line
    assert check == ['/x/python', '-m', 'mmsrn', 'check-env']
    assert (root / check[1]).is_file()


def test_stamp_is_json(tool, tree):
    tool.write_stamp(tree, None)
    stamp = json.loads(tool.stamp_path(tree).read_text())
    assert stamp == dict(key=tool.stamp_key(tree), torch=None)
    files = {x.name for x in (tree / '.venv').iterdir()}
    assert files == {'bin', tool.stamp_path(tree).name}
