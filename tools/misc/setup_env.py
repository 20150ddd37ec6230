#!/usr/bin/env python3
"""Make or update ``.venv`` with everything mmsrn needs; run by ``make``.

Steps: virtual environment, torch, the operators of mmcv (compiled), then
mmsrn itself (editable) with MMDetection and the tools for the tests.  Each
step first looks at what is there, so that a set-up which was interrupted goes
on where it stopped, and one that is complete returns at once: a stamp in the
environment holds a hash of the files that define it.

Only the standard library is used, and no syntax newer than Python 3.7, so
that a Python too old to run mmsrn can still look for a newer one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: The tested version. On Linux the package index serves it with CUDA.
DEFAULT_TORCH = 'torch==2.13.0'
#: mmcv's build needs pkg_resources, which setuptools 82 dropped.
BUILD_TOOLS = ('setuptools>=80,<81', 'wheel', 'ninja', 'numpy>=1.24')
#: Files whose change makes an environment stale.
DEFINING_FILES = ('setup.cfg', 'pyproject.toml', 'tools/misc/setup_env.py')
#: OpenCV and numpy of the OpenMMLab line have no wheels for 3.14 yet.
PYTHONS = ('3.11', '3.12', '3.10', '3.13')
#: Seconds between two signs of life.
HEARTBEAT = 20
#: Memory in GiB that compiling one file of mmcv may take.
GIB_PER_JOB = 1.0
TAIL_LINES = 25
#: Seconds that an interrupted command has to end by itself.
GRACE = 10

# pip goes by the metadata, which torch.__version__ need not equal.
TORCH_PROBE = """
from importlib.metadata import version
import torch
torch.zeros(1).sum()
print(version('torch'))
"""
CUDA_PROBE = """
import torch
from torch.utils.cpp_extension import CUDA_HOME, ROCM_HOME
lacks = torch.cuda.is_available() and not (CUDA_HOME or ROCM_HOME)
print('lacks' if lacks else 'fine', torch.version.cuda)
"""

_NINJA = re.compile(r'^\s*\[(\d+)/(\d+)\]\s')


class SetupError(Exception):
    """The set-up cannot go on; the remedy tells the user how it could."""

    def __init__(self, message, remedy):
        super().__init__(message)
        self.remedy = remedy


def say(text: str) -> None:
    """Print for the user, at once even where output is piped."""
    print(f'[set-up] {text}', flush=True)


# --- is there anything to do? ------------------------------------------------


def venv_python(root: Path) -> Path:
    """Return where the environment's interpreter is, or should be."""
    return root / '.venv' / 'bin' / 'python'


def stamp_path(root: Path) -> Path:
    """Return the file that says what the environment was made from."""
    return root / '.venv' / '.mmsrn-setup.json'


def stamp_key(root: Path) -> str:
    """Hash what defines the environment.

    The folder counts too: an editable install points to it, so a moved or
    copied tree needs a new one.
    """
    digest = hashlib.sha256(str(root).encode())
    for name in DEFINING_FILES:
        content = (root / name).read_bytes()
        digest.update(f'\0{name}\0{len(content)}\0'.encode() + content)
    return digest.hexdigest()


def read_stamp(root: Path) -> dict:
    """Return the stamp's content, empty if there is none to be read."""
    try:
        stamp = json.loads(stamp_path(root).read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(
    root: Path, torch_spec: str | None, complete: bool = True
) -> None:
    """Write the stamp in one step: half a stamp must never count.

    Args:
        root: The root of the repository.
        torch_spec: What the user asked for as torch; None if nothing.
        complete: Whether all is done; until then only torch is noted.
    """
    key = stamp_key(root) if complete else None
    draft = stamp_path(root).with_suffix('.tmp')
    draft.write_text(json.dumps({'key': key, 'torch': torch_spec}))
    os.replace(draft, stamp_path(root))


def is_fresh(root: Path, torch_spec: str | None) -> bool:
    """Tell whether the environment is complete and up to date.

    Args:
        root: The root of the repository.
        torch_spec: What the user asked for as torch; None if nothing.
    """
    # A link to a Python that was removed is not X_OK.
    if not os.access(venv_python(root), os.X_OK):
        return False
    stamp = read_stamp(root)
    if stamp.get('key') != stamp_key(root):
        return False
    return torch_spec is None or torch_spec == stamp.get('torch')


# --- what the machine must bring ---------------------------------------------


def find_compiler(environ: dict) -> str | None:
    """Return the C++ compiler command of a build, None if there is none."""
    path = environ.get('PATH')
    if environ.get('CXX'):
        # With arguments, such as 'ccache g++'.
        command = shlex.split(environ['CXX'])[0]
        return environ['CXX'] if shutil.which(command, path=path) else None
    for name in ('c++', 'g++', 'clang++'):
        found = shutil.which(name, path=path)
        if found:
            return shlex.quote(found)
    return None


def compiler_error(compiler: str, environ: dict) -> str:
    """Return why a C++17 file does not compile; empty if it does."""
    flags = ['-std=c++17', '-fsyntax-only', '-x', 'c++', '-']
    result = subprocess.run(
        [*shlex.split(compiler), *flags],
        input='#include <vector>\n#include <optional>\n',
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environ,
        text=True,
    )
    return result.stdout.strip() if result.returncode else ''


def python_include(python: str) -> str:
    """Return the folder that should hold Python.h."""
    code = 'import sysconfig; print(sysconfig.get_paths()["include"])'
    return subprocess.check_output([python, '-c', code], text=True).strip()


def missing_build_tools(python: str, environ: dict) -> list:
    """List what compiling needs and the machine lacks.

    Returns:
        list[str]: One sentence each, with the remedy; empty if complete.
    """
    missing = []
    compiler = find_compiler(environ)
    if compiler is None:
        named = environ.get('CXX')
        what = f'the compiler in $CXX ({named})' if named else 'none'
        missing.append(
            'a C++17 compiler (looked for c++, g++, clang++ and $CXX; '
            f'found {what + ", which is not there" if named else what}). '
            'Debian, Ubuntu: apt-get install g++; Fedora: dnf install '
            'gcc-c++; macOS: xcode-select --install'
        )
    else:
        why = compiler_error(compiler, environ)
        if why:
            missing.append(
                f'a C++17 compiler that works: {compiler} says '
                f'"{why.splitlines()[0]}". Debian, Ubuntu: apt-get install '
                'g++ (it brings the C++ library too)'
            )
    include = Path(python_include(python))
    if not (include / 'Python.h').is_file():
        version = re.sub(r'^python', '', include.name) or '3'
        missing.append(
            f"Python's headers ({include}/Python.h). Debian, Ubuntu: apt-get "
            f'install python{version}-dev; Fedora: dnf install python3-devel'
        )
    return missing


def check_build_tools(python: str, environ: dict) -> None:
    """Raise SetupError if mmcv could not be compiled here."""
    missing = missing_build_tools(python, environ)
    if missing:
        raise SetupError(
            "mmcv's operators must be compiled, and this machine lacks:\n"
            + '\n'.join(f'  - {what}' for what in missing),
            'install the above and run the same command again',
        )


def python_version(command: str) -> str | None:
    """Return 'major.minor' of a Python command, None if it does not run."""
    code = 'import sys; print("%d.%d" % sys.version_info[:2])'
    try:
        result = subprocess.run(
            [command, '-c', code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def find_python() -> str:
    """Return a Python of a supported version, this one if it is.

    Raises:
        SetupError: If there is none.
    """
    own = '{}.{}'.format(*sys.version_info[:2])
    if own in PYTHONS:
        return sys.executable
    for version in PYTHONS:
        command = shutil.which(f'python{version}')
        if command and python_version(command) == version:
            return command
    supported = ', '.join(sorted(PYTHONS, key=lambda v: int(v[2:])))
    raise SetupError(
        f'{sys.executable} is Python {own}; mmsrn can be set up with '
        f'{supported}, and no other Python is on the PATH',
        'install one (Debian, Ubuntu: apt-get install python3 python3-venv '
        'python3-dev) or name it: make PYTHON=/path/to/python3.11 ...',
    )


def build_jobs(environ: dict, cores: int, memory_gib: float) -> int:
    """Return how many files to compile at once: all cores, memory allowing.

    Args:
        environ: The environment; MAX_JOBS in it wins.
        cores: Usable cores.
        memory_gib: Available memory; 0 if unknown.
    """
    if environ.get('MAX_JOBS', '').isdigit():
        return max(1, int(environ['MAX_JOBS']))
    if memory_gib:
        return max(1, min(cores, int(memory_gib / GIB_PER_JOB)))
    return max(1, cores)


def usable_cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_gib() -> float:
    """Return the available memory in GiB, 0 if the system does not say."""
    try:
        text = Path('/proc/meminfo').read_text()
    except OSError:
        return 0.0
    found = re.search(r'^MemAvailable:\s+(\d+) kB', text, re.MULTILINE)
    return int(found.group(1)) / 2**20 if found else 0.0


# --- running pip -------------------------------------------------------------


class Progress:
    """What a long command is at, from the lines it prints.

    Args:
        what: Said first in every message.
        clock: Returns seconds; replaced in tests.
    """

    def __init__(self, what, clock=time.monotonic):
        self.what = what
        self.done = self.total = 0
        self._clock = clock
        self._start = clock()

    def feed(self, line: str) -> None:
        """Take ninja's ``[12/107]`` from a line, if it has one."""
        found = _NINJA.match(line)
        if found:
            self.done, self.total = map(int, found.groups())

    @property
    def elapsed(self) -> str:
        """str: The time passed, in minutes and seconds."""
        minutes, seconds = divmod(int(self._clock() - self._start), 60)
        return f'{minutes} min {seconds:02d} s' if minutes else f'{seconds} s'

    def message(self) -> str:
        """Return one line for the user."""
        if self.total:
            count = f'{self.done} of {self.total} files, '
        else:
            count = ''
        return f'{self.what}: {count}{self.elapsed}'


def remedy_for_log(text: str) -> str:
    """Say what to do about a command that failed, from what it printed."""
    signs = (
        ('No space left on device', 'free some disk space (about 6 GB)'),
        (
            'Killed signal|fatal error: Killed|cannot allocate memory',
            'memory ran out: make env MAX_JOBS=1',
        ),
        (
            'NewConnectionError|Temporary failure in name|ReadTimeout|'
            'Connection refused|Network is unreachable|SSLError',
            'the package index could not be reached: check the network, or '
            'name a mirror in PIP_INDEX_URL',
        ),
        (
            'No matching distribution found for torch',
            'the package index has no such torch for this Python: name '
            'another, make env TORCH=torch==VERSION',
        ),
        (
            'no RECORD file|uninstall-no-record',
            'an earlier set-up was interrupted while it copied files: '
            'rm -rf .venv',
        ),
        (
            'CUDA_HOME environment variable is not set|'
            'CUDA version .* mismatches',
            'install the CUDA toolkit of the version torch was built with, '
            "or compile for the CPU only: CUDA_VISIBLE_DEVICES='' make env",
        ),
    )
    for pattern, remedy in signs:
        if re.search(pattern, text, re.IGNORECASE):
            return f'{remedy}; then run the same command again'
    return (
        'see the log above, and docs/install.md for known problems; running '
        'the same command again goes on where this one stopped'
    )


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a text, indented and not overlong."""
    last = text.rstrip().splitlines()[-lines:]
    return '\n'.join(f'    {line[:300]}' for line in last)


@contextlib.contextmanager
def signals_as_interrupt():
    """Let SIGTERM and SIGHUP end the set-up as Ctrl-C does.

    By default they would end this process alone, and leave pip or a compiler
    at work in an environment that the next set-up takes for free.
    """

    def interrupt(number, frame):
        raise KeyboardInterrupt

    former = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            former[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def end_group(process: subprocess.Popen) -> None:
    """End a command and all that it started; return when they are gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            process.poll()  # else it would stay as a zombie
            os.killpg(process.pid, 0)
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Venv:
    """The environment and the log of what was done to it.

    Args:
        root: The root of the repository.
    """

    def __init__(self, root: Path):
        self.root = root
        self.python = str(venv_python(root))
        self.log = root / '.venv' / 'setup.log'

    def environ(self, **extra: str) -> dict:
        """Return the environment for commands, free of the caller's paths."""
        environ = dict(os.environ, PIP_USER='0', PIP_NO_INPUT='1')
        for name in ('PYTHONPATH', 'PYTHONHOME', 'PIP_TARGET', 'PIP_PREFIX'):
            environ.pop(name, None)
        environ.update(extra)
        return environ

    def run(self, command: list, what: str, **environ: str) -> str:
        """Run a command: output to the log, signs of life to the user.

        Args:
            command: The command and its arguments.
            what: What it does, in the user's words.
            **environ: Variables to set for it.

        Returns:
            str: What it printed.

        Raises:
            SetupError: If it failed.
        """
        progress = Progress(what)
        ended = threading.Event()

        def beat():
            while not ended.wait(HEARTBEAT):
                say(progress.message())

        output = []
        with self.log.open('a', encoding='utf-8') as log:
            print(f'\n$ {shlex.join(command)}', file=log, flush=True)
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=str(self.root),
                env=self.environ(**environ),
                encoding='utf-8',
                errors='replace',
                start_new_session=True,  # a group of its own
            )
            threading.Thread(target=beat, daemon=True).start()
            try:
                for line in process.stdout:
                    print(line, end='', file=log, flush=True)
                    output.append(line)
                    progress.feed(line)
                code = process.wait()
            except BaseException:
                end_group(process)
                raise
            finally:
                ended.set()
        text = ''.join(output)
        if code:
            raise SetupError(
                f'{what} failed (exit status {code}):\n{tail(text)}\n'
                f'  (full log: {self.log})',
                remedy_for_log(text),
            )
        return text

    def pip(self, *arguments: str, what: str, **environ: str) -> str:
        """Run ``pip install`` in the environment."""
        command = [self.python, '-m', 'pip', 'install', '--progress-bar']
        command += ['off', '--disable-pip-version-check', *arguments]
        return self.run(command, what, **environ)

    def ask(self, code: str) -> tuple:
        """Run Python code in the environment.

        Returns:
            tuple[bool, str]: Whether it succeeded, and its last line.
        """
        result = subprocess.run(
            [self.python, '-c', code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self.environ(),
            encoding='utf-8',
            errors='replace',
        )
        good = result.returncode == 0
        text = (result.stdout if good else result.stderr).strip()
        return good, text.splitlines()[-1] if text else ''

    def version_of(self, distribution: str) -> str | None:
        """Return the installed version of a distribution."""
        good, version = self.ask(
            'from importlib.metadata import version; '
            f'print(version({distribution!r}))'
        )
        return version if good else None


# --- the steps ---------------------------------------------------------------


def load_env_module(root: Path):
    """Load ``mmsrn/utils/env.py`` alone, as mmsrn is not installed yet."""
    path = root / 'mmsrn' / 'utils' / 'env.py'
    spec = importlib.util.spec_from_file_location('_mmsrn_env', str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def pick_requirement(requirements: list, name: str) -> str:
    """Return the requirement on the distribution ``name``."""
    for requirement in requirements:
        if re.split(r'[<>=!~\[; ]', requirement)[0] == name:
            return requirement
    raise KeyError(f'setup.cfg lists no {name}')


def make_venv(venv: Venv, python: str) -> None:
    """Make the environment, or make it anew if its Python is gone."""
    folder = venv.root / '.venv'
    if os.access(venv.python, os.X_OK):
        version = python_version(venv.python)
        if version not in PYTHONS:
            raise SetupError(
                f'.venv holds Python {version}, which mmsrn cannot use',
                'rm -rf .venv, and run the same command again',
            )
        ensure_pip(venv, python)
        return
    command = [python, '-m', 'venv']
    if folder.exists() and any(folder.iterdir()):
        if not (folder / 'pyvenv.cfg').exists():
            raise SetupError(
                f'{folder} exists and is not a virtual environment',
                'move it away',
            )
        say('the Python of .venv is gone; making .venv anew')
        command.append('--clear')
    else:
        say(f'making .venv with {python}')
    # Debian ships ensurepip apart; pip of the system can stand in for it.
    command += ['--without-pip', str(folder)]
    try:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(
            f'{python} could not make a virtual environment: {error}',
            'Debian, Ubuntu: apt-get install python3-venv',
        ) from error
    ensure_pip(venv, python)


def ensure_pip(venv: Venv, python: str) -> None:
    """Bring pip into the environment, by ensurepip or by the system's pip."""
    if venv.ask('import pip')[0]:
        return
    if venv.ask('import ensurepip')[0]:
        command = [venv.python, '-m', 'ensurepip', '--default-pip']
        venv.run(command, 'installing pip')
        return
    try:
        command = [python, '-m', 'pip', '--python', venv.python]
        venv.run([*command, 'install', 'pip'], 'installing pip')
    except SetupError as error:
        raise SetupError(
            f'{python} has neither ensurepip nor a pip that works',
            'Debian, Ubuntu: apt-get install python3-venv (or python3-pip)',
        ) from error


def ensure_torch(
    venv: Venv, torch_spec: str | None, former: str | None = None
) -> str:
    """Install torch; one that works is kept unless another was named.

    Args:
        venv: The environment.
        torch_spec: What the user asks for now; None if nothing.
        former: What the torch in the environment was installed as; None if
            that was not named.

    Returns:
        str: The requirement on exactly this torch, for the later steps: pip
        must not exchange it after mmcv was compiled against it.
    """
    env = load_env_module(venv.root)
    requirements = env.read_requirements(venv.root / 'setup.cfg', 'onedl')

    def too_old(version):
        return env.unmet_requirement(requirements, 'torch', version)

    usable, version = venv.ask(TORCH_PROBE)
    if usable and torch_spec in (None, former) and not too_old(version):
        say(f'keeping torch {version}')
        return f'torch=={version}'
    wanted = shlex.split(torch_spec or former or DEFAULT_TORCH)
    say(f'installing {" ".join(wanted)} (with CUDA it is some gigabytes)')
    what = 'installing torch'
    if usable:
        # torch==2.13.0 asks for no certain build, so pip would keep any.
        venv.pip(*wanted, '--force-reinstall', '--no-deps', what=what)
    elif venv.version_of('torch') is not None:
        wanted.append('--force-reinstall')
    venv.pip(*wanted, what=what)
    usable, answer = venv.ask(TORCH_PROBE)
    if not usable:
        raise SetupError(
            f'torch was installed but does not import: {answer}',
            'name another one: make env TORCH=torch==VERSION',
        )
    if too_old(answer):
        raise SetupError(
            f'torch {answer} is too old: mmsrn needs {too_old(answer)}',
            f'name a newer one: make env TORCH={DEFAULT_TORCH}',
        )
    return f'torch=={answer}'


def ensure_opencv(venv: Venv) -> None:
    """Let OpenCV work on a machine that lacks the libraries of a desktop.

    opencv-python and opencv-python-headless write the same folder, and
    MMDetection's requirements bring both; the headless one needs no libGL.
    """
    works, error = venv.ask('import cv2')
    if works or 'cannot open shared object file' not in error:
        return
    version = venv.version_of('opencv-python')
    say(f'{error}; putting the headless OpenCV in its place (no windows)')
    venv.pip(
        '--force-reinstall',
        '--no-deps',
        f'opencv-python-headless=={version}',
        what='installing the headless OpenCV',
    )


def check_cuda_compiler(venv: Venv) -> None:
    """Raise SetupError if torch sees a GPU but nvcc is missing."""
    asked, answer = venv.ask(CUDA_PROBE)
    if not asked:
        raise SetupError(
            f'torch cannot say which compiler it needs: {answer}',
            'name another torch: make env TORCH=torch==VERSION',
        )
    if answer.startswith('lacks'):
        version = answer.split()[-1]
        raise SetupError(
            f'torch sees a GPU, but there is no CUDA {version} toolkit '
            "(nvcc) to compile mmcv's operators for it",
            f'install the CUDA {version} toolkit and set CUDA_HOME, or '
            "compile for the CPU only: CUDA_VISIBLE_DEVICES='' make env",
        )


def has_cached_wheel(venv: Venv) -> bool:
    """Tell whether pip's cache has mmcv built for this Python."""
    command = [venv.python, '-m', 'pip', 'cache', 'list', 'onedl_mmcv']
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=venv.environ(),
        text=True,
    )
    version = python_version(venv.python) or ''
    return f'-cp{version.replace(".", "")}-' in result.stdout


def forget_cached_wheel(venv: Venv) -> None:
    """Remove mmcv from pip's cache, so that the next build takes its place.

    With --no-cache-dir pip would neither read the cache nor write to it, and
    the next environment would be given the bad wheel again.
    """
    # Without a cache, and in some versions without a match, pip fails.
    if has_cached_wheel(venv):
        command = [venv.python, '-m', 'pip', 'cache', 'remove', 'onedl_mmcv']
        venv.run(command, "removing mmcv from pip's cache")


def ensure_mmcv(venv: Venv, torch_pin: str) -> None:
    """Install mmcv with operators that run.

    A wheel in pip's cache may have been built without the operators, or
    against another torch; pip cannot tell, so the operators are tried.

    Args:
        venv: The environment.
        torch_pin: The requirement on the torch that is there.
    """
    env = load_env_module(venv.root)
    ensure_opencv(venv)
    status = env.probe_ops(venv.python, venv.environ())
    if status.ok:
        say('keeping mmcv: its operators run')
        return
    check_build_tools(venv.python, venv.environ())
    check_cuda_compiler(venv)
    venv.pip(*BUILD_TOOLS, what='installing the build tools')
    requirements = env.read_requirements(venv.root / 'setup.cfg', 'onedl')
    jobs = build_jobs(os.environ, usable_cores(), available_gib())
    variables = {'MMCV_WITH_OPS': '1', 'MAX_JOBS': str(jobs)}
    # No debug information: 40 % less time per file.
    variables['CFLAGS'] = os.environ.get('CFLAGS', '-g0 -O2')
    if shutil.which('c++') is None and 'CXX' not in os.environ:
        variables['CXX'] = find_compiler(venv.environ())
    arguments = ['-v', '--no-build-isolation']
    notice = (
        f'compiling the operators of mmcv with {jobs} jobs: this takes about '
        '10 to 20 minutes on two cores, once'
    )
    installed = venv.version_of('onedl-mmcv') is not None
    # What mmcv imports may be what fails: pip mends the whole line.
    if not (installed and status.needs_rebuild):
        if installed:
            say(f'mmcv does not import: {status.summary}')
        elif has_cached_wheel(venv):
            say("installing mmcv from pip's cache of earlier builds")
        else:
            say(notice)
        # All of the line at once, for one consistent choice of versions.
        arguments_all = [*arguments, *requirements, torch_pin]
        venv.pip(*arguments_all, what='installing mmcv', **variables)
        ensure_opencv(venv)
        status = env.probe_ops(venv.python, venv.environ())
        if status.ok:
            return
    if status.needs_rebuild:
        say(f'mmcv is there, but its operators do not run: {status.summary}')
        say(notice)
        forget_cached_wheel(venv)
        arguments += ['--force-reinstall', '--no-deps']
        arguments.append(pick_requirement(requirements, 'onedl-mmcv'))
        venv.pip(*arguments, what='compiling mmcv', **variables)
        status = env.probe_ops(venv.python, venv.environ())
    if not status.ok:
        raise SetupError(
            f'the operators of mmcv do not run: {status.summary}',
            env.remedy_for_ops(status, venv.python),
        )


def install_mmsrn(venv: Venv, torch_pin: str) -> None:
    """Install mmsrn editable, with MMDetection and the development tools.

    Args:
        venv: The environment.
        torch_pin: The requirement on the torch that is there.
    """
    say('installing MMDetection, mmsrn and the tools for the tests')
    # The build tools of the environment build these as well; isolated builds
    # would fetch their own, and build mmcv without operators if they had to.
    venv.pip(*BUILD_TOOLS, what='installing the build tools')
    venv.pip(
        '--no-build-isolation',
        '--editable',
        '.[onedl,demo,dev,docs,export]',
        torch_pin,
        what='installing mmsrn',
    )
    ensure_opencv(venv)


def final_check(venv: Venv) -> None:
    """Raise SetupError unless everything fits together."""
    command = [venv.python, '-m', 'mmsrn', 'check-env']
    venv.run(command, 'checking the environment')


def set_up(root: Path, python: str, torch_spec: str | None) -> None:
    """Do all steps; each one keeps what already works."""
    venv = Venv(root)
    say('.venv is missing or stale: setting it up (log: .venv/setup.log)')
    if not os.access(venv.python, os.X_OK):
        # Say it before the long downloads, not after them.
        check_build_tools(python, venv.environ())
    former = read_stamp(root).get('torch')
    make_venv(venv, python)
    write_stamp(root, former, complete=False)
    torch_pin = ensure_torch(venv, torch_spec, former)
    torch_spec = torch_spec or former
    write_stamp(root, torch_spec, complete=False)
    ensure_mmcv(venv, torch_pin)
    install_mmsrn(venv, torch_pin)
    final_check(venv)
    write_stamp(root, torch_spec)
    say('done')


@contextlib.contextmanager
def one_at_a_time(path: Path):
    """Wait while another set-up of the same tree is at work."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        yield
        return
    with path.open('rb') as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say('another set-up is at work in this folder; waiting for it')
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main(arguments: list | None = None) -> int:
    """Set up if needed.

    Returns:
        int: The exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--torch',
        metavar='SPEC',
        help='what pip installs as torch, options included; without it, a '
        f'usable torch is kept and else {DEFAULT_TORCH} installed',
    )
    torch_spec = parser.parse_args(arguments).torch
    try:
        if is_fresh(ROOT, torch_spec):
            return 0
        python = find_python()
        if os.path.realpath(python) != os.path.realpath(sys.executable):
            options = [] if torch_spec is None else ['--torch', torch_spec]
            os.execv(python, [python, __file__, *options])
        with signals_as_interrupt(), one_at_a_time(Path(__file__)):
            if not is_fresh(ROOT, torch_spec):
                set_up(ROOT, python, torch_spec)
    except SetupError as error:
        print(f'\nset-up failed: {error}', file=sys.stderr)
        print(f'remedy: {error.remedy}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted; run it again to go on', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
