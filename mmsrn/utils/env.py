"""What is installed, whether it fits together, and the remedy if it does not.

Only the standard library is imported here, so that this works in exactly the
environments that need it: broken ones.
"""

from __future__ import annotations

import configparser
import importlib
import importlib.metadata
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    'EnvItem',
    'OpsStatus',
    'collect_env',
    'env_is_usable',
    'find_mm_line',
    'format_env',
    'probe_ops',
    'read_requirements',
    'remedy_for_import',
    'remedy_for_ops',
    'unmet_requirement',
]

#: Distribution names of the two OpenMMLab lines; both install mmengine, mmcv
#: and mmdet, so a second line silently overwrites files of the first.
MM_LINES = {
    'onedl': ('onedl-mmengine', 'onedl-mmcv', 'onedl-mmdetection'),
    'openmmlab': (
        'mmengine',
        'mmengine-lite',
        'mmcv',
        'mmcv-full',
        'mmcv-lite',
        'mmdet',
    ),
}

# A bad wheel must leave pip's cache: --no-cache-dir would pass it over and
# neither remove nor replace it, so that every new environment compiled again.
_REBUILD = (
    '{pip} cache remove onedl_mmcv; '
    "MMCV_WITH_OPS=1 CFLAGS='-g0 -O2' {pip} install "
    '--no-build-isolation --force-reinstall --no-deps '
    'onedl-mmcv (with torch, wheel, ninja and setuptools<81 installed '
    'first; 10-20 minutes), or `make env`'
)

# Runs in a process of its own: operators built against another torch may
# crash the interpreter instead of raising.
_OPS_PROBE = """
import json
import torch
from mmcv.ops import nms
boxes = torch.tensor(
    [[0., 0., 10., 10.], [0., 0., 10., 9.], [20., 20., 30., 30.]])
scores = torch.tensor([.9, .8, .7])
devices = ['cpu'] + ['cuda'] * torch.cuda.is_available()
failed = {}
for device in devices:
    try:
        keep = nms(boxes.to(device), scores.to(device), 0.5)[1].tolist()
        assert keep == [0, 2], f'nms kept {keep} instead of [0, 2]'
    except Exception as error:
        failed[device] = f'{type(error).__name__}: {error}'.splitlines()[0]
print()
print(json.dumps(dict(devices=devices, failed=failed)))
"""


@dataclass(frozen=True)
class EnvItem:
    """One line of the report.

    Args:
        name (str): What was looked at.
        value (str): What was found.
        status (str): 'ok', 'warn' (works, but look) or 'error' (will fail).
        remedy (str): What to do; empty if there is nothing to do.
    """

    name: str
    value: str
    status: str = 'ok'
    remedy: str = ''


@dataclass(frozen=True)
class OpsStatus:
    """Whether mmcv's compiled operators run.

    Args:
        devices (tuple[str]): Devices on which an operator ran.
        failed (dict[str, str]): Device to error, where it did not run.
        error (str): Why mmcv.ops could not be imported at all.
    """

    devices: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    error: str = ''

    @property
    def ok(self) -> bool:
        """bool: True if the operators run on every device there is."""
        return not self.error and not self.failed

    @property
    def summary(self) -> str:
        """str: One line for a person."""
        if self.error:
            return self.error
        failed = [f'{name}: {why}' for name, why in self.failed.items()]
        return '; '.join([f'{name}: runs' for name in self.devices] + failed)

    @property
    def needs_rebuild(self) -> bool:
        """bool: True if compiling mmcv anew would help.

        False for failures around mmcv, such as a missing system library of
        OpenCV, where a build of many minutes would end in the same error.
        """
        if self.ok:
            return False
        text = ' '.join([self.error, *self.failed.values()])
        return any(
            sign in text
            for sign in (
                'mmcv._ext',
                "No module named 'mmcv'",
                '_ext.',
                'undefined symbol',
                'libtorch',
                'libc10',
                'libcudart',
                'implementation for device',
                'CUDA support',
                'ended by signal',
            )
        )


def probe_ops(
    python: str = sys.executable, environ: dict[str, str] | None = None
) -> OpsStatus:
    """Run one compiled operator of mmcv on every device, in a new process.

    Args:
        python (str): The interpreter to ask. Defaults to this one.
        environ (dict[str, str], optional): Its environment. Defaults to that
            of this process.

    Returns:
        OpsStatus: What ran and what did not.
    """
    result = subprocess.run(
        [python, '-c', _OPS_PROBE],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environ,
        text=True,
        errors='replace',
    )
    if result.returncode < 0:
        return OpsStatus(error=f'ended by signal {-result.returncode}')
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ['unknown error']
        return OpsStatus(error=lines[-1])
    # Libraries may print above; the answer is the last line.
    answer = json.loads(result.stdout.strip().splitlines()[-1])
    failed = answer['failed']
    ran = tuple(name for name in answer['devices'] if name not in failed)
    return OpsStatus(devices=ran, failed=failed)


def read_requirements(setup_cfg: Path, *extras: str) -> list[str]:
    """Read what mmsrn needs.

    Args:
        setup_cfg (Path): The file that says so.
        *extras (str): Extras to add, such as ``'onedl'``.

    Returns:
        list[str]: Requirements as they stand in the file; those of the
        extras, which ask for more, come first.
    """
    config = configparser.ConfigParser(interpolation=None)
    with open(setup_cfg, encoding='utf-8') as file:
        config.read_file(file)
    texts = [config['options.extras_require'][extra] for extra in extras]
    texts.append(config['options']['install_requires'])
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith('#')]


def _distribution(requirement: str) -> str:
    return re.split(r'[<>=!~\[; ]', requirement)[0]


def _release(version: str) -> list[int]:
    """Numbers of a version, without suffixes such as ``+cpu``."""
    numbers = re.match(r'[\d.]*', version)[0].strip('.').split('.')
    release = [int(number or 0) for number in numbers]
    while release and release[-1] == 0:  # 2.4.0 is 2.4
        release.pop()
    return release


def unmet_requirement(
    requirements: Iterable[str], name: str, version: str
) -> str:
    """Find the requirement for which a version is too old.

    Args:
        requirements (Iterable[str]): From :func:`read_requirements`.
        name (str): The distribution.
        version (str): Its version.

    Returns:
        str: The first one; empty if the version is new enough.
    """
    for requirement in requirements:
        least = re.search(r'>=\s*([\d.]+)', requirement)
        if _distribution(requirement) != name or not least:
            continue
        if _release(version) < _release(least[1]):
            return requirement
    return ''


def find_mm_line(names: Iterable[str] | None = None) -> dict[str, list[str]]:
    """Find which OpenMMLab line is installed.

    Args:
        names (Iterable[str], optional): Names of installed distributions.
            Defaults to those of the running interpreter.

    Returns:
        dict[str, list[str]]: Line to its distributions that are there; lines
        of which there is none are left out.
    """
    if names is None:
        # A half-removed distribution has no name.
        found = (d.metadata for d in importlib.metadata.distributions())
        names = [m['Name'] for m in found if m is not None and m['Name']]
    present = {re.sub(r'[-_.]+', '-', name).lower() for name in names}
    lines = {
        line: [name for name in members if name in present]
        for line, members in MM_LINES.items()
    }
    return {line: members for line, members in lines.items() if members}


def _pip(python: str = sys.executable) -> str:
    """Return pip's command: `python` may be another one, or none."""
    return f'{shlex.quote(python)} -m pip'


def remedy_for_ops(status: OpsStatus, python: str = sys.executable) -> str:
    """Say what to do about operators that do not run.

    Args:
        status (OpsStatus): From :func:`probe_ops`.
        python (str): The interpreter that was asked. Defaults to this one.

    Returns:
        str: The remedy.
    """
    if status.needs_rebuild:
        return _REBUILD.format(pip=_pip(python))
    return remedy_for_import('mmcv', status.summary, python)


def remedy_for_import(
    name: str, error: str, python: str = sys.executable
) -> str:
    """Say what to do about a failed import.

    Args:
        name (str): The module that was imported.
        error (str): The text of the exception.
        python (str): The interpreter that failed. Defaults to this one.

    Returns:
        str: The remedy.
    """
    pip = _pip(python)
    packages = {
        'cv2': "'opencv-python>=4.5,<5'",
        'mmcv': 'onedl-mmcv --no-build-isolation',
        'mmdet': 'onedl-mmdetection',
        'mmengine': 'onedl-mmengine',
        'mmsrn': '-e . (in the root of the repository)',
    }
    if 'pkg_resources' in error:
        return f"{pip} install 'setuptools<81'"
    library = re.search(r'(lib[\w.+-]*\.so[.\d]*): cannot open', error)
    # mmcv imports OpenCV, and fails with it.
    desktop = ('libGL', 'libglib', 'libgthread')
    if library and (name == 'cv2' or library[1].startswith(desktop)):
        return (
            f'install the system library {library[1]} (Debian, Ubuntu: '
            'apt-get install libgl1 libglib2.0-0), or use the OpenCV that '
            f'needs none: {pip} install --force-reinstall --no-deps '
            'opencv-python-headless==VERSION_OF_OPENCV_PYTHON'
        )
    if 'mmcv._ext' in error or 'undefined symbol' in error:
        return _REBUILD.format(pip=pip)
    missing = re.search(r"No module named '([\w.]+)'", error)
    module = missing[1].split('.')[0] if missing else name
    return f'{pip} install {packages.get(module, module)}'


def _module_item(name: str) -> EnvItem:
    """Import a module and report its version."""
    label = 'opencv' if name == 'cv2' else name
    try:
        module = importlib.import_module(name)
    except Exception as error:  # a broken package may raise anything
        text = f'{type(error).__name__}: {error}'.splitlines()[0]
        return EnvItem(label, text, 'error', remedy_for_import(name, text))
    if getattr(module, '__file__', None) is None:
        # An uninstall leaves a folder behind if something else wrote to it.
        text = f'an empty folder: {", ".join(module.__path__)}'
        remedy = f'remove the folder, then {remedy_for_import(name, text)}'
        return EnvItem(label, text, 'error', remedy)
    version = str(getattr(module, '__version__', 'unknown'))
    if name == 'mmsrn':  # installed, or which clone?
        version += f' ({os.path.dirname(module.__file__)})'
    return EnvItem(label, version)


def _python_item() -> EnvItem:
    version = platform.python_version()
    # pip refuses an older one, but a clone runs without being installed.
    if sys.version_info < (3, 10):  # noqa: UP036
        return EnvItem('python', version, 'error', 'use Python 3.10 or newer')
    return EnvItem('python', f'{version} ({sys.executable})')


def _line_item(lines: dict[str, list[str]]) -> EnvItem:
    """Report the OpenMMLab line, of which there must be exactly one."""
    everything = ' '.join(sum(lines.values(), []))
    if len(lines) > 1:
        return EnvItem(
            'OpenMMLab line',
            f'both lines are installed: {everything}',
            'error',
            f'{_pip()} uninstall -y {everything}, then install one '
            f"line: {_pip()} install -e '.[onedl]' --no-build-isolation",
        )
    if not lines:
        return EnvItem(
            'OpenMMLab line',
            'none',
            'error',
            '`make env`, or see docs/install.md',
        )
    return EnvItem('OpenMMLab line', f'{next(iter(lines))} ({everything})')


def _requirement_items(lines: Iterable[str]) -> list[EnvItem]:
    """Report what is older than mmsrn's requirements."""
    # Absent where mmsrn is no clone; pip then saw to the versions.
    setup_cfg = Path(__file__).parents[2] / 'setup.cfg'
    if not setup_cfg.is_file():
        return []
    requirements = read_requirements(setup_cfg, *lines)
    items = []
    for name in dict.fromkeys(map(_distribution, requirements)):
        try:
            # A half-removed distribution has none.
            version = importlib.metadata.version(name) or 'unknown version'
        except importlib.metadata.PackageNotFoundError:
            continue  # the item of its module tells
        unmet = unmet_requirement(requirements, name, version)
        if unmet:
            # mmcv must be compiled against the torch that is there.
            pip = f'{_pip()} install --no-build-isolation'
            remedy = f'{pip} {shlex.quote(unmet)}'
            text = f'{version} is too old: mmsrn needs {unmet}'
            items.append(EnvItem(name, text, 'error', remedy))
    return items


def _opencv_item() -> EnvItem:
    """Report OpenCV's version and whether two packages of it agree."""
    item = _module_item('cv2')
    if item.status == 'error':
        return item
    if re.match(r'([5-9]|\d\d)', item.value):
        return EnvItem(
            item.name,
            item.value,
            'error',
            f"{_pip()} install 'opencv-python>=4.5,<5'",
        )
    versions = {}
    for name in ('opencv-python', 'opencv-python-headless'):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if len(set(versions.values())) > 1:
        # Both write the folder cv2: the later one wins, file by file.
        both = ' '.join(f'{n}=={v}' for n, v in versions.items())
        wanted = versions['opencv-python']
        return EnvItem(
            item.name,
            f'{item.value} ({both} share one folder)',
            'warn',
            f'{_pip()} install --force-reinstall --no-deps '
            f'opencv-python=={wanted} opencv-python-headless=={wanted}',
        )
    return item


def _ops_item() -> EnvItem:
    status = probe_ops()
    if status.ok:
        return EnvItem('mmcv operators', status.summary)
    remedy = remedy_for_ops(status)
    return EnvItem('mmcv operators', status.summary, 'error', remedy)


def _cores() -> int:
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _device_items() -> list[EnvItem]:
    """Report CPU cores and GPUs."""
    cpu = f'{_cores()} cores, {platform.machine()}'
    items = [EnvItem('CPU', cpu)]
    try:
        import torch

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        for index in range(count):
            major, minor = torch.cuda.get_device_capability(index)
            name = torch.cuda.get_device_name(index)
            items.append(
                EnvItem(f'GPU {index}', f'{name}, capability {major}.{minor}')
            )
        if not count:
            built = torch.version.cuda
            why = f'torch is built for CUDA {built}' if built else 'CPU torch'
            items.append(EnvItem('GPU', f'none usable ({why})'))
    except Exception as error:  # torch's own item says what is wrong
        items.append(EnvItem('GPU', f'unknown: {error}'.splitlines()[0]))
    return items


def collect_env() -> list[EnvItem]:
    """Look at everything mmsrn needs to train and test.

    Returns:
        list[EnvItem]: The findings, in the order to fix them.
    """
    items = [_python_item()]
    items += [_module_item(name) for name in ('torch', 'numpy', 'scipy')]
    lines = find_mm_line()
    items += [_opencv_item(), _line_item(lines), *_requirement_items(lines)]
    items += [_module_item(name) for name in ('mmengine', 'mmcv', 'mmdet')]
    items += [_ops_item(), _module_item('mmsrn')]
    return items + _device_items()


def env_is_usable(items: Iterable[EnvItem]) -> bool:
    """Tell whether nothing required is wrong.

    Args:
        items (Iterable[EnvItem]): What :func:`collect_env` found.

    Returns:
        bool: False if any item is an error.
    """
    return all(item.status != 'error' for item in items)


def format_env(items: Iterable[EnvItem]) -> str:
    """Lay the findings out for a terminal.

    Args:
        items (Iterable[EnvItem]): What :func:`collect_env` found.

    Returns:
        str: One line per item, and a line below it for a remedy.
    """
    items = list(items)
    width = max((len(item.name) for item in items), default=0)
    marks = {'ok': ' ', 'warn': '?', 'error': '!'}
    lines = []
    for item in items:
        lines.append(
            f'{marks[item.status]} {item.name:<{width}}  {item.value}'
        )
        if item.remedy:
            lines.append(f'  {"":<{width}}  -> {item.remedy}')
    return '\n'.join(lines)
