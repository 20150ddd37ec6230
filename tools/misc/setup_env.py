#!/usr/bin/env python3
"""Make or update ``.venv``, for ``make env``; what works is kept."""

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
TORCH = 'torch==2.13.0'
#: mmcv's build needs pkg_resources, which setuptools 82 dropped.
BUILD_TOOLS = ('setuptools>=80,<81', 'wheel', 'ninja', 'numpy>=1.24')
EXTRAS = '.[onedl,demo,dev,docs,export,ray]'
FORCE = ('pip', 'install', '--force-reinstall', '--no-deps')
DESCRIBE = """import sys, torch
device = 'cuda' if torch.cuda.is_available() else 'cpu'
print(torch.__version__, device, sys.implementation.cache_tag)"""
RUNS_OPERATORS = 'from mmsrn.utils.env import OPERATORS; exec(OPERATORS)'


def stop(message):
    """End with what is wrong and what to do."""
    sys.exit(f'set-up failed: {message}')


def ask(code):
    """Run code in the environment; return what it prints, '' if it fails."""
    command = [VENV / 'bin/python', '-c', code]
    if not command[0].exists():
        return ''
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


def make_venv():
    """Make the environment, if this machine can compile mmcv for it."""
    own = sys.version_info[:2]
    compiler = shlex.split(os.environ.get('CXX') or 'c++')[0]
    if VENV.exists() and not (VENV / 'pyvenv.cfg').exists():
        stop(f'{VENV} is no virtual environment: move it away')
    # OpenCV and numpy of MMDetection have no wheels for 3.14 yet.
    if not (3, 10) <= own <= (3, 13):
        stop(
            f'{sys.executable} is Python {own[0]}.{own[1]}; mmsrn needs 3.10 '
            'to 3.13: make env PYTHON=/path/to/python3.11'
        )
    if not shutil.which(compiler):
        stop(f'no C++17 compiler {compiler}: apt-get install g++, or set CXX')
    header = Path(sysconfig.get_paths()['include'], 'Python.h')
    if not header.is_file():
        stop(f'{header} is missing: apt-get install python3-dev')
    command = [sys.executable, '-m', 'venv', '--clear', str(VENV)]
    if subprocess.run(command).returncode:
        stop('no virtual environment: apt-get install python3-venv')


def build_wheel(folder):
    """Compile mmcv; pip's own cache, which knows no torch, is passed over."""
    os.environ['MMCV_WITH_OPS'] = '1'
    os.environ.setdefault('CFLAGS', '-g0 -O2')  # takes 40 % less time
    os.environ.setdefault('MAX_JOBS', str(len(os.sched_getaffinity(0))))
    print('[set-up] compiling mmcv once, 10 to 20 minutes on two cores')
    mmcv = re.search(r'onedl-mmcv\S+', (ROOT / 'setup.cfg').read_text())[0]
    options = ('--no-deps', '--no-build-isolation', '--no-cache-dir')
    options += ('--no-binary', 'onedl-mmcv', '--wheel-dir', str(folder))
    run('pip', 'wheel', *options, mmcv)


def main():
    """Set up what is missing or does not work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--torch', help=f'for pip ({TORCH}, if none works)')
    named = parser.parse_args().torch
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.pop('PYTHONPATH', None)  # nothing from the caller's folders
    os.environ['PIP_USER'] = '0'
    if VENV.is_symlink():
        stop(f'{VENV} is a link: set up where it points to, or remove it')
    if not ask('import pip; print(pip)'):
        make_venv()
    if named or not ask(DESCRIBE):
        wanted = shlex.split(named or TORCH)
        # Forced: pip would keep another build of the version, or a broken one.
        run(*FORCE, *wanted)
        run('pip', 'install', *wanted)
    if not (found := ask(DESCRIBE).split()):
        stop('torch cannot be imported: make env TORCH=torch==VERSION')
    run('pip', 'install', *BUILD_TOOLS)
    folder = WHEELS / f'mmcv-for-torch-{"-".join(found)}'
    if not ask(RUNS_OPERATORS):
        if not list(folder.glob('*.whl')):
            build_wheel(folder)
        run(*FORCE, str(max(folder.glob('*.whl'))))
    editable = ('--no-build-isolation', '--editable', EXTRAS)
    run('pip', 'install', *editable, f'torch=={found[0]}')
    if not ask('import cv2; print(cv2)'):  # it needs libraries of a desktop
        code = 'from importlib.metadata import version as of; '
        version = ask(code + 'print(of("opencv-python"))')
        run(*FORCE, f'opencv-python-headless=={version}')
    if not ask(RUNS_OPERATORS):
        shutil.rmtree(folder, ignore_errors=True)  # the next run compiles
    run('mmsrn', 'check-env')


if __name__ == '__main__':
    main()
