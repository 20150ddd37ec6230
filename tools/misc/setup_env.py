#!/usr/bin/env python3
"""Make or update ``.venv``; ``make env`` runs it when something changed.

It installs torch, a wheel of mmcv whose operators are compiled against this
torch, then mmsrn with all else.  What works is kept, so an interrupted set-up
goes on where it stopped.  Only the standard library is needed.
"""

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / '.venv'
WHEELS = Path.home() / '.cache/mmsrn'
#: The tested version. On Linux the package index serves it with CUDA.
TORCH = 'torch==2.13.0'
#: mmcv's build needs pkg_resources, which setuptools 82 dropped.
BUILD_TOOLS = ('setuptools>=80,<81', 'wheel', 'ninja', 'numpy>=1.24')
#: OpenCV and numpy of MMDetection have no wheels for 3.14 yet.
PYTHONS = ('3.10', '3.11', '3.12', '3.13')
EXTRAS = '.[onedl,demo,dev,docs,export,ray]'
#: Version of torch, device, and Python of the environment.
DESCRIBE = """
import sys, torch
device = 'cuda' if torch.cuda.is_available() else 'cpu'
print(torch.__version__, device, sys.implementation.cache_tag)
"""
RUNS_OPERATORS = 'from mmsrn.utils.env import OPERATORS; exec(OPERATORS)'


def stop(message):
    """End with what is wrong and what to do."""
    sys.exit(f'set-up failed: {message}')


def ask(code):
    """Run code in the environment; return what it prints, '' if it fails."""
    command = [VENV / 'bin/python', '-c', code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return '' if done.returncode else done.stdout.strip()


def run(*arguments):
    """Run ``python -m`` in the environment, or end."""
    print('[set-up] python -m', shlex.join(arguments), flush=True)
    command = [VENV / 'bin/python', '-m', *arguments]
    if subprocess.run(command, cwd=ROOT).returncode:
        stop(
            'see above and docs/get_started.md; if memory ran out, run '
            '`make env MAX_JOBS=1`; otherwise fix the problem and run it again'
        )


def check_machine():
    """End if mmcv cannot be compiled here, before the long downloads."""
    own = '.'.join(map(str, sys.version_info[:2]))
    if own not in PYTHONS:
        stop(
            f'{sys.executable} is Python {own}; mmsrn needs one of '
            f'{", ".join(PYTHONS)}: make env PYTHON=/path/to/python3.11'
        )
    compiler = shlex.split(os.environ.get('CXX') or 'c++')[0]
    if not shutil.which(compiler):
        stop(f'no C++17 compiler {compiler}: apt-get install g++, or set CXX')
    header = Path(sysconfig.get_paths()['include'], 'Python.h')
    if not header.is_file():
        stop(f'{header} is missing: apt-get install python3-dev')


def make_venv():
    """Make the environment, unless it is there and its Python works."""
    if VENV.is_symlink():
        stop(f'{VENV} is a link: set up where it points to, or remove it')
    if (VENV / 'bin/python').exists() and ask('import pip; print(pip)'):
        return
    if VENV.exists() and not (VENV / 'pyvenv.cfg').exists():
        stop(f'{VENV} is no virtual environment: move it away')
    check_machine()
    command = [sys.executable, '-m', 'venv', '--clear', str(VENV)]
    if subprocess.run(command).returncode:
        stop('no virtual environment: apt-get install python3-venv')


def build_wheel(folder):
    """Compile mmcv; pip's own cache, which knows no torch, is passed over."""
    os.environ['MMCV_WITH_OPS'] = '1'
    os.environ.setdefault('CFLAGS', '-g0 -O2')  # takes 40 % less time
    os.environ.setdefault('MAX_JOBS', str(len(os.sched_getaffinity(0))))
    mmcv = re.search(r'onedl-mmcv\S+', (ROOT / 'setup.cfg').read_text())[0]
    run('pip', 'install', *BUILD_TOOLS)
    print('[set-up] compiling mmcv once, 10 to 20 minutes on two cores')
    options = ('--no-deps', '--no-build-isolation', '--no-cache-dir')
    options += ('--no-binary', 'onedl-mmcv', '--wheel-dir', str(folder))
    run('pip', 'wheel', *options, mmcv)


def main():
    """Set up what is missing or does not work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    told = f'what pip installs as torch (a torch that works, else {TORCH})'
    parser.add_argument('--torch', metavar='SPEC', help=told)
    named = parser.parse_args().torch
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.pop('PYTHONPATH', None)  # nothing from the caller's folders
    os.environ['PIP_USER'] = '0'
    make_venv()
    force = ('pip', 'install', '--force-reinstall', '--no-deps')
    if named or not ask(DESCRIBE):
        wanted = shlex.split(named or TORCH)
        # Forced: pip would keep another build of the version, or a broken one.
        run(*force, *wanted)
        run('pip', 'install', *wanted)
    found = ask(DESCRIBE).split()
    if not found:
        stop('torch cannot be imported: make env TORCH=torch==VERSION')
    folder = WHEELS / f'mmcv-for-torch-{"-".join(found)}'
    if not ask(RUNS_OPERATORS):
        if not list(folder.glob('*.whl')):
            build_wheel(folder)
        run(*force, str(max(folder.glob('*.whl'))))
    run('pip', 'install', *BUILD_TOOLS)
    editable = ('--no-build-isolation', '--editable', EXTRAS)
    run('pip', 'install', *editable, f'torch=={found[0]}')
    if not ask('import cv2; print(cv2)'):  # the libraries of a desktop lack
        code = 'from importlib.metadata import version as of; '
        version = ask(code + 'print(of("opencv-python"))')
        run(*force, f'opencv-python-headless=={version}')
    if not ask(RUNS_OPERATORS):
        shutil.rmtree(folder, ignore_errors=True)  # the next run compiles
    run('mmsrn', 'check-env')


if __name__ == '__main__':
    main()
