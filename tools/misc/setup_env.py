#!/usr/bin/env python3
"""Make or update ``.venv``; ``make env`` runs it when something changed.

It installs torch, a wheel of mmcv compiled against this torch, then mmsrn with
its dependencies. Parts that fit are kept, so an interrupted set-up continues
where it stopped. It needs only the standard library.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / '.venv'
LOG = VENV / 'setup.log'
WHEELS = Path.home() / '.cache/mmsrn'
#: The tested version. On Linux the package index serves it with CUDA.
TORCH = 'torch==2.13.0'
#: mmcv's build needs pkg_resources, which setuptools 82 dropped.
BUILD_TOOLS = ('setuptools>=80,<81', 'wheel', 'ninja', 'numpy>=1.24')
#: OpenCV and numpy of MMDetection have no wheels for 3.14 yet.
PYTHONS = ('3.11', '3.12', '3.10', '3.13')
#: Of commands: nothing from the caller's paths.
ENVIRON = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
EXTRAS = '.[onedl,demo,dev,docs,export,ray]'
#: Version of torch, device, and Python of the environment.
DESCRIBE = """
import sys, torch
from importlib.metadata import version
device = 'cuda' if torch.cuda.is_available() else 'cpu'
print(version('torch'), device, sys.implementation.cache_tag)
"""
RUNS_OPERATORS = """
import torch
from mmcv.ops import nms
boxes = torch.rand(8, 4, device='cuda' if torch.cuda.is_available() else 'cpu')
nms(boxes, boxes[:, 0].contiguous(), 0.5)
"""
REMEDY = (
    f'remedy: see {LOG} and docs/get_started.md; if memory ran out, run '
    '`make env MAX_JOBS=1`; otherwise fix the problem and run it again'
)


def stop(message: str) -> None:
    """End with what is wrong and what to do."""
    sys.exit(f'set-up failed: {message}')


def run(what: str, *arguments: str, **environ: str) -> None:
    """Run ``python -m`` in the environment."""
    print(f'[set-up] {what} (tail -f {LOG})', flush=True)
    command = [str(VENV / 'bin/python'), '-m', *arguments]
    environ = dict(ENVIRON, PIP_USER='0', PIP_NO_INPUT='1', **environ)
    begin = LOG.stat().st_size if LOG.exists() else 0
    with LOG.open('a', encoding='utf-8') as log:
        print('$', shlex.join(command), file=log, flush=True)
        streams = dict(stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        done = subprocess.run(command, cwd=ROOT, env=environ, **streams)
    if done.returncode:
        lines = LOG.read_bytes()[begin:].decode(errors='replace').splitlines()
        stop('\n'.join([f'{what}:', *(x[:300] for x in lines[-25:]), REMEDY]))


def pip(what: str, *arguments: str, **environ: str) -> None:
    """Run pip in the environment."""
    run(what, 'pip', '--disable-pip-version-check', *arguments, **environ)


def ask(code: str) -> tuple:
    """Run code in the environment; return if it ran, and its last line."""
    command = [str(VENV / 'bin/python'), '-c', code]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRON)
    lines = (done.stderr if done.returncode else done.stdout).splitlines()
    return not done.returncode, lines[-1] if lines else ''


def check_python() -> None:
    """Go on in a Python that mmsrn can use, or end."""
    own = '.'.join(map(str, sys.version_info[:2]))
    if own in PYTHONS:
        return
    for python in map(shutil.which, map('python{}'.format, PYTHONS)):
        if python:
            os.execv(python, [python, *sys.argv])
    stop(
        f'{sys.executable} is Python {own}; mmsrn needs one of '
        f'{", ".join(PYTHONS)}: make env PYTHON=/path/to/python3.11'
    )


def compiler() -> str:
    """Return the C++ compiler, or end if this machine cannot compile mmcv."""
    named = os.environ.get('CXX')
    names = [shlex.split(named)[0]] if named else ['c++', 'g++', 'clang++']
    found = [x for x in map(shutil.which, names) if x]
    if not found:
        stop(
            f'no C++17 compiler to compile mmcv (looked for {names}): '
            'apt-get install g++, or dnf install gcc-c++'
        )
    header = Path(sysconfig.get_paths()['include'], 'Python.h')
    if not header.is_file():
        stop(f'{header} is missing: apt-get install python3-dev')
    return named or found[0]


def make_venv() -> None:
    """Make the environment, unless it is there and its Python works."""
    if (VENV / 'bin/python').exists() and ask('import pip')[0]:
        return
    if VENV.exists() and not (VENV / 'pyvenv.cfg').exists():
        stop(f'{VENV} is not a virtual environment; move it away')
    compiler()  # what lacks is said before the long downloads, not after them
    print(f'[set-up] making {VENV} with {sys.executable}', flush=True)
    command = [sys.executable, '-m', 'venv', '--clear', str(VENV)]
    if subprocess.run(command).returncode:
        stop('no virtual environment: apt-get install python3-venv')


def install_torch(named: str) -> list:
    """Install torch if it is named or does not work; describe it."""
    works, answer = ask(DESCRIBE)
    if named or not works:
        wanted = shlex.split(named or TORCH)
        # Forced: pip would keep another build of the version, or a broken one.
        force = ('--force-reinstall', '--no-deps', *wanted)
        pip(f'installing {" ".join(wanted)}', 'install', *force)
        pip('installing what torch needs', 'install', *wanted)
        works, answer = ask(DESCRIBE)
    if not works:
        stop(f'torch does not work ({answer}): make env TORCH=torch==VERSION')
    return answer.split()


def build_wheel(folder: Path) -> None:
    """Compile mmcv; pip's own cache, which knows no torch, is passed over."""
    memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    jobs = max(1, min(len(os.sched_getaffinity(0)), memory // 2**31))
    environ = {'MAX_JOBS': str(jobs), 'CFLAGS': '-g0 -O2'}  # 40 % less time
    environ |= {k: os.environ[k] for k in environ if k in os.environ}
    environ |= {'MMCV_WITH_OPS': '1', 'CXX': compiler()}
    setup_cfg = (ROOT / 'setup.cfg').read_text(encoding='utf-8')
    pip('installing what compiles mmcv', 'install', *BUILD_TOOLS)
    pip(
        'compiling mmcv, 10 to 20 minutes on two cores, once',
        *('wheel', '-v', '--no-deps', '--no-build-isolation'),
        *('--no-cache-dir', '--no-binary', 'onedl-mmcv'),
        *('--wheel-dir', str(folder)),
        re.search(r'onedl-mmcv\S+', setup_cfg)[0],
        **environ,
    )


def main() -> None:
    """Set up what is missing or does not fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--torch',
        default='',
        metavar='SPEC',
        help='torch requirement and pip options; default: keep a torch that '
        f'works, else install {TORCH}',
    )
    named = parser.parse_args().torch
    if VENV.is_symlink():
        stop(
            f'{VENV} is a link; remove it, or run the set-up in the folder '
            'it points to'
        )
    check_python()
    make_venv()
    torch, device, python = install_torch(named)
    folder = WHEELS / f'mmcv-for-torch-{torch}-{device}-{python}'
    force = ('install', '--force-reinstall', '--no-deps')
    if not ask(RUNS_OPERATORS)[0]:
        if not list(folder.glob('*.whl')):
            build_wheel(folder)
        wheel = max(folder.glob('*.whl'))
        pip(f'installing {wheel}', *force, str(wheel))
    pip('installing what builds mmsrn', 'install', *BUILD_TOOLS)
    editable = ('--no-build-isolation', '--editable', EXTRAS)
    pip('installing mmsrn', 'install', *editable, f'torch=={torch}')
    if 'cannot open shared object' in ask('import cv2')[1]:  # no desktop here
        code = 'from importlib.metadata import version as of; '
        version = ask(code + 'print(of("opencv-python"))')[1]
        headless = f'opencv-python-headless=={version}'
        pip('installing an OpenCV without windows', *force, headless)
    if not ask(RUNS_OPERATORS)[0]:
        shutil.rmtree(folder, ignore_errors=True)  # the next run compiles
    run('checking the environment', 'mmsrn', 'check-env')


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        stop('interrupted; run it again to continue')
