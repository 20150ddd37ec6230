"""The set-up, with an interpreter that only pretends to install."""

import os
import subprocess
import sys

import pytest

#: It knows torch and mmcv as files beside it, and logs what it is told.
PYTHON = f"""#!{sys.executable}
import os, pathlib, sys
here = pathlib.Path(__file__).parent
args = ' '.join(sys.argv[1:])
torch, operators = here / 'torch', here / 'operators'
def has(file):
    if not file.exists():
        sys.exit(f'no {{file.name}}')
if sys.argv[1] == '-c':
    if 'OPERATORS' in args:
        has(operators)
    if 'implementation' in args:
        has(torch)
        print('2.13.0+cpu cpu cpython-311')
    elif 'import cv2' in args and (here / 'libGL').exists():
        sys.exit('ImportError: libGL.so.1: cannot open shared object file')
    else:
        print('4.12.0' if 'opencv-python' in args else 'runs')
    sys.exit()
with open(here / 'calls', 'a') as file:
    print(args.replace('pip ', ''), file=file)
if 'deps torch' in args or 'deps --index-url' in args:
    operators.unlink(missing_ok=True)
    torch.touch()
if ' wheel ' in args and '--wheel-dir' in args:
    assert os.environ['MMCV_WITH_OPS'] == '1'
    if (here / 'poor').exists():
        sys.exit('virtual memory exhausted: Cannot allocate memory')
    folder = pathlib.Path(sys.argv[sys.argv.index('--wheel-dir') + 1])
    folder.mkdir(parents=True)
    (folder / 'onedl_mmcv-2.3.6-cp311.whl').touch()
if '.whl' in args and not (here / 'damaged').exists():
    operators.touch()
if 'check-env' in args:
    has(operators)
"""
EDITABLE = (
    '-m install --no-build-isolation --editable '
    '.[onedl,demo,dev,docs,export,ray] torch==2.13.0+cpu'
)


@pytest.fixture
def tool(load_tool, monkeypatch, tmp_path):
    """The tool, for an environment and a folder of wheels in a new folder."""
    tool = load_tool('misc/setup_env.py')
    monkeypatch.setattr(tool, 'VENV', tmp_path / '.venv')
    monkeypatch.setattr(tool, 'WHEELS', tmp_path / 'wheels')
    monkeypatch.setattr('sys.argv', ['setup_env.py'])

    def make(command):
        assert command[1:4] == ['-m', 'venv', '--clear']
        python = tmp_path / '.venv/bin/python'
        python.parent.mkdir(parents=True)
        python.write_text(PYTHON)
        python.chmod(0o755)
        (tmp_path / '.venv/pyvenv.cfg').touch()
        return subprocess.CompletedProcess(command, 0)

    run = subprocess.run
    monkeypatch.setattr(
        tool.subprocess,
        'run',
        lambda command, **options: (
            run(command, **options) if options else make(command)
        ),
    )
    return tool


@pytest.fixture
def calls(tool, tmp_path):
    """Function that sets up, and returns what the interpreter was told."""

    def run():
        log = tmp_path / '.venv/bin/calls'
        log.unlink(missing_ok=True)
        tool.main()
        return log.read_text().splitlines()

    return run


@pytest.fixture
def error(tool):
    """Function that returns the message a set-up ends with."""

    def run():
        with pytest.raises(SystemExit) as ended:
            tool.main()
        return str(ended.value)

    return run


def build(told):
    return [x for x in told if x.startswith('-m wheel')]


def test_bare_machine(calls, tmp_path, capsys):
    told = calls()
    assert told[:2] == [
        '-m install --force-reinstall --no-deps torch==2.13.0',
        '-m install torch==2.13.0',
    ]
    folder = tmp_path / 'wheels/mmcv-for-torch-2.13.0+cpu-cpu-cpython-311'
    assert build(told) == [
        '-m wheel --no-deps --no-build-isolation --no-cache-dir '
        f'--no-binary onedl-mmcv --wheel-dir {folder} onedl-mmcv>=2.3.6'
    ]
    wheel = folder / 'onedl_mmcv-2.3.6-cp311.whl'
    force = f'-m install --force-reinstall --no-deps {wheel}'
    assert told[-3] == force
    assert told[-2:] == [EDITABLE, '-m mmsrn check-env']
    assert '[set-up] compiling mmcv' in capsys.readouterr().out


def test_what_fits_is_kept(calls):
    calls()
    told = calls()
    assert told[1:] == [EDITABLE, '-m mmsrn check-env']
    assert told[0].startswith('-m install setuptools>=80,<81 ')


def test_wheel_serves_the_next_environment(calls, tmp_path):
    calls()
    (tmp_path / '.venv').rename(tmp_path / 'old')
    told = calls()
    assert not build(told) and any('.whl' in x for x in told)


def test_torch_that_is_named(calls, monkeypatch):
    calls()
    monkeypatch.setattr('sys.argv', ['x', '--torch=--index-url u torch'])
    told = calls()
    assert told[:2] == [
        '-m install --force-reinstall --no-deps --index-url u torch',
        '-m install --index-url u torch',
    ]
    assert any('.whl' in x for x in told)  # mmcv must fit it


def test_wheel_that_does_not_run_is_not_kept(calls, error, tmp_path):
    calls()
    (tmp_path / '.venv/bin/operators').unlink()
    (tmp_path / '.venv/bin/damaged').touch()
    assert 'set-up failed: see above' in error()
    assert not list((tmp_path / 'wheels').iterdir())
    (tmp_path / '.venv/bin/damaged').unlink()
    assert build(calls())


def test_failure_and_its_remedy(tool, calls, error, tmp_path, capfd):
    calls()
    (tmp_path / '.venv/bin/operators').unlink()
    (tmp_path / '.venv/bin/poor').touch()
    tool.shutil.rmtree(tmp_path / 'wheels')
    assert 'if memory ran out, run `make env MAX_JOBS=1`;' in error()
    assert 'virtual memory exhausted' in capfd.readouterr().err


def test_opencv_without_a_desktop(calls, tmp_path):
    calls()
    (tmp_path / '.venv/bin/libGL').touch()
    assert calls()[-2] == (
        '-m install --force-reinstall --no-deps opencv-python-headless==4.12.0'
    )


def test_no_compiler(error, monkeypatch, tmp_path):
    monkeypatch.delenv('CXX', raising=False)
    monkeypatch.setenv('PATH', str(tmp_path))
    assert 'no C++17 compiler c++: apt-get install' in error()
    monkeypatch.setenv('CXX', 'ccache g++')
    assert 'no C++17 compiler ccache:' in error()
    assert not (tmp_path / '.venv').exists()  # said before all downloads


def test_no_headers(tool, error, monkeypatch, tmp_path):
    paths = {'include': str(tmp_path)}
    monkeypatch.setattr(tool.sysconfig, 'get_paths', lambda: paths)
    assert f'{tmp_path}/Python.h is missing: apt-get install' in error()


def test_wrong_python(tool, error, monkeypatch, tmp_path):
    monkeypatch.setattr(tool.sys, 'version_info', (3, 14, 0))
    message = error()
    assert 'is Python 3.14; mmsrn needs 3.10 to 3.13' in message
    assert 'make env PYTHON=' in message
    assert not (tmp_path / '.venv').exists()


def test_folder_of_somebody_else(error, tmp_path):
    (tmp_path / '.venv').mkdir()
    (tmp_path / '.venv/notes').touch()
    assert 'is no virtual environment: move it away' in error()
    assert os.listdir(tmp_path / '.venv') == ['notes']


@pytest.mark.parametrize('option', ['--help', '--torhc=x', 'torch'])
def test_nothing_is_done_by_mistake(tool, error, monkeypatch, option):
    monkeypatch.setattr('sys.argv', ['x', option])
    assert error() == ('0' if option == '--help' else '2')
    assert not tool.VENV.exists()


def test_environment_of_another_tree(tool, error, tmp_path):
    (tmp_path / 'other').mkdir()
    tool.VENV.symlink_to(tmp_path / 'other')
    assert 'is a link: set up where it points to' in error()
    assert not os.listdir(tmp_path / 'other')


@pytest.fixture
def make(root, tmp_path):
    """Function that runs ``make env`` in a folder with a set-up that logs."""
    tree = tmp_path / 'a b'
    (tree / 'tools/misc').mkdir(parents=True)
    (tree / 'Makefile').write_text((root / 'Makefile').read_text())
    for name in ('setup.cfg', 'pyproject.toml', 'tools/misc/setup_env.py'):
        (tree / name).touch()
    python = tree / '.venv/bin/python'
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    log = tree / 'log'
    code = 'import sys; print(sys.argv[1:], file=open("log", "a"))'
    (tree / 'tools/misc/setup_env.py').write_text(code)

    def run(*args):
        log.write_text('')
        command = ['make', f'PYTHON={sys.executable}', 'env', *args]
        subprocess.run(command, cwd=tree, check=True, capture_output=True)
        return log.read_text()

    run.tree = tree
    return run


def test_second_run_does_nothing(make):
    assert make() == '[]\n'
    assert make() == ''
    os.utime(make.tree / 'setup.cfg')
    assert make() == '[]\n'
    assert make() == ''
    told = make('TORCH=torch==2.12 --pre')
    assert told == "['--torch', 'torch==2.12 --pre']\n"
    assert make('TORCH=torch==2.12 --pre') == ''
    assert make() == '[]\n'


def test_environment_whose_python_is_gone(make):
    make()
    (make.tree / '.venv/bin/python').unlink()
    assert make() == '[]\n'
