"""Report versions, problems and remedies, with the standard library alone."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ['EnvItem', 'collect_env', 'format_env']

#: The two OpenMMLab lines; both install mmengine, mmcv and mmdet, so a second
#: line silently overwrites files of the first.
LINES = (
    ('onedl-mmengine', 'onedl-mmcv', 'onedl-mmdetection'),
    ('mmengine', 'mmcv', 'mmcv-full', 'mmcv-lite', 'mmdet'),
)
PACKAGES = {
    'cv2': "'opencv-python>=4.5,<5'",
    'mmcv': 'onedl-mmcv --no-build-isolation',
    'mmdet': 'onedl-mmdetection',
    'mmengine': 'onedl-mmengine',
    'mmsrn': '-e . (in the root of the repository)',
}
#: What an error says, and the remedy, with pip of this interpreter.
REMEDIES = {
    'pkg_resources': "{pip} install 'setuptools<81'",
    r'(libGL|libglib|libgthread)\S*: cannot open': 'apt-get install libgl1 '
    'libglib2.0-0, or an OpenCV without a desktop: {pip} install --no-deps '
    '--force-reinstall opencv-python-headless==VERSION_OF_OPENCV_PYTHON',
    # A bad wheel must leave pip's cache, else the next environment gets it.
    r'mmcv\._ext|_ext\.|undefined symbol|libtorch|libc10|libcudart|'
    'implementation for device|ended by signal': '`make env`, or: {pip} cache '
    "remove onedl_mmcv; MMCV_WITH_OPS=1 CFLAGS='-g0 -O2' {pip} install "
    '--no-build-isolation --force-reinstall --no-deps onedl-mmcv (with torch, '
    'wheel, ninja and setuptools<81 installed first; 10-20 minutes)',
}
# In a process of its own: operators built against another torch may crash the
# interpreter instead of raising.
OPERATORS = """
import torch
from mmcv.ops import nms
boxes = [[0., 0., 10., 10.], [0., 0., 10., 9.], [20., 20., 30., 30.]]
for device in ['cpu'] + ['cuda'] * torch.cuda.is_available():
    scores = torch.tensor([.9, .8, .7], device=device)
    keep = nms(torch.tensor(boxes, device=device), scores, 0.5)[1].tolist()
    assert keep == [0, 2], f'nms kept {keep} instead of [0, 2]'
    print(f'{device}: runs')
"""


@dataclass(frozen=True)
class EnvItem:
    """One line of the report.

    Args:
        name (str): Name of the item.
        value (str): Version or finding.
        status (str): 'ok', 'warn' (works with a problem) or 'error' (will
            fail).
        remedy (str): What to do; empty if there is nothing to do.
    """

    name: str
    value: str
    status: str = 'ok'
    remedy: str = ''


def _pip(text: str) -> str:
    """Name pip of this interpreter, which may not be called python."""
    return text.replace('{pip}', f'{shlex.quote(sys.executable)} -m pip')


def _remedy(name: str, error: str) -> str:
    """Say what to do about an error of a module."""
    for sign, remedy in REMEDIES.items():
        if re.search(sign, error):
            return _pip(remedy)
    missing = re.search(r"No module named '(\w+)", error)
    module = missing[1] if missing else name
    return _pip(f'{{pip}} install {PACKAGES.get(module, module)}')


def _module_item(name: str) -> EnvItem:
    """Import a module and report its version."""
    label = 'opencv' if name == 'cv2' else name
    try:
        module = importlib.import_module(name)
    except Exception as error:  # a broken package may raise anything
        text = f'{type(error).__name__}: {error}'.splitlines()[0]
        return EnvItem(label, text, 'error', _remedy(name, text))
    if getattr(module, '__file__', None) is None:
        # An uninstall leaves a folder behind if something else wrote to it.
        text = f'an empty folder: {", ".join(module.__path__)}'
        remedy = f'remove the folder, then {_remedy(name, text)}'
        return EnvItem(label, text, 'error', remedy)
    version = str(getattr(module, '__version__', 'unknown'))
    if name == 'mmsrn':  # installed, or which clone?
        version += f' ({os.path.dirname(module.__file__)})'
    return EnvItem(label, version)


def _operators_item() -> EnvItem:
    """Run a compiled operator of mmcv on every device."""
    command = [sys.executable, '-c', OPERATORS]
    options = dict(capture_output=True, text=True, errors='replace')
    done = subprocess.run(command, stdin=subprocess.DEVNULL, **options)
    found = [x for x in done.stdout.splitlines() if x.endswith(': runs')]
    if not done.returncode:
        return EnvItem('mmcv operators', '; '.join(found))
    lines = done.stderr.strip().splitlines() or ['unknown error']
    crash = f'ended by signal {-done.returncode}'
    value = '; '.join([*found, crash if done.returncode < 0 else lines[-1]])
    return EnvItem('mmcv operators', value, 'error', _remedy('mmcv', value))


def _python_item() -> EnvItem:
    version = platform.python_version()
    # pip refuses an older one, but a clone runs without being installed.
    if sys.version_info < (3, 10):  # noqa: UP036
        return EnvItem('python', version, 'error', 'use Python 3.10 or newer')
    return EnvItem('python', f'{version} ({sys.executable})')


def _version(distribution: str) -> str:
    """Version of a distribution; empty if it is not installed."""
    try:
        # A half-removed distribution has none.
        return importlib.metadata.version(distribution) or 'unknown version'
    except importlib.metadata.PackageNotFoundError:
        return ''


def _line_item() -> EnvItem:
    """Report the OpenMMLab line, of which there must be exactly one."""
    found = [[x for x in names if _version(x)] for names in LINES]
    everything = ' '.join(sum(found, []))
    remedy = '`make env`, or see docs/get_started.md'
    if all(found):
        value = f'both lines are installed: {everything}'
        remedy = _pip(f'{{pip}} uninstall -y {everything}; then {remedy}')
        return EnvItem('OpenMMLab line', value, 'error', remedy)
    if not everything:
        return EnvItem('OpenMMLab line', 'none', 'error', remedy)
    return EnvItem('OpenMMLab line', everything)


def _opencv_item() -> EnvItem:
    """Report OpenCV, whose two packages write one folder, file by file."""
    item = _module_item('cv2')
    names = 'opencv-python', 'opencv-python-headless'
    versions = [_version(x) for x in names]
    if item.status == 'error' or '' in versions or len({*versions}) == 1:
        return item
    found = ' and '.join(f'{k}=={v}' for k, v in zip(names, versions))
    value = f'{item.value} ({found} share a folder)'
    both = ' '.join(f'{x}=={versions[0]}' for x in names)
    remedy = _pip(f'{{pip}} install --force-reinstall --no-deps {both}')
    return EnvItem(item.name, value, 'warn', remedy)


def _device_items() -> list[EnvItem]:
    """Report CPU cores and GPUs."""
    cores = len(os.sched_getaffinity(0))
    items = [EnvItem('CPU', f'{cores} cores, {platform.machine()}')]
    try:
        from torch import cuda, version

        for index in range(cuda.device_count() if cuda.is_available() else 0):
            major, minor = cuda.get_device_capability(index)
            name = f'{cuda.get_device_name(index)}, capability {major}.{minor}'
            items.append(EnvItem(f'GPU {index}', name))
        if len(items) == 1:
            built = version.cuda
            why = f'torch is built for CUDA {built}' if built else 'CPU torch'
            items.append(EnvItem('GPU', f'none usable ({why})'))
    except Exception as error:  # torch's own item says what is wrong
        items.append(EnvItem('GPU', f'unknown: {error}'.splitlines()[0]))
    return items


def collect_env() -> list[EnvItem]:
    """Check everything mmsrn needs to train and test.

    Returns:
        list[EnvItem]: The findings, in the order in which to fix them.
    """
    items = [_python_item()]
    items += [_module_item(name) for name in ('torch', 'numpy', 'scipy')]
    items += [_opencv_item(), _line_item()]
    items += [_module_item(name) for name in ('mmengine', 'mmcv', 'mmdet')]
    return [*items, _operators_item(), _module_item('mmsrn'), *_device_items()]


def format_env(items: Sequence[EnvItem]) -> str:
    """Format the findings for a terminal.

    Args:
        items (Sequence[EnvItem]): What :func:`collect_env` found.

    Returns:
        str: One line per item, and a line below it for a remedy.
    """
    width = max((len(item.name) for item in items), default=0)
    marks = {'ok': ' ', 'warn': '?', 'error': '!'}
    lines = []
    for item in items:
        mark = marks[item.status]
        lines.append(f'{mark} {item.name:<{width}}  {item.value}')
        if item.remedy:
            lines.append(f'  {"":<{width}}  -> {item.remedy}')
    return '\n'.join(lines)
