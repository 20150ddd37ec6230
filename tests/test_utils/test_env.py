"""Each way an installation can be broken is found, with its remedy."""

import ast
import os
import sys
import types

import pytest

from mmsrn.utils import env
from mmsrn.utils.env import EnvItem


@pytest.fixture
def python(tmp_path):
    """Function that makes an interpreter of a given behaviour."""

    def make(script):
        path = tmp_path / 'python'
        path.write_text(f'#!/bin/sh\n{script}\n')
        path.chmod(0o755)
        return str(path)

    return make


@pytest.fixture
def module(monkeypatch):
    """Function that makes the import of a module give something else."""

    def put(name, value):
        found = env.importlib.import_module

        def load(asked):
            if asked != name:
                return found(asked)
            if isinstance(value, Exception):
                raise value
            return value

        monkeypatch.setattr(env.importlib, 'import_module', load)

    return put


def package(name, version):
    made = types.ModuleType(name)
    made.__file__ = f'/x/{name}/__init__.py'
    made.__version__ = version
    return made


def distributions(monkeypatch, **versions):
    """Let only these distributions be installed."""

    def version(name):
        try:
            return versions[name.replace('-', '_')]
        except KeyError:
            raise env.importlib.metadata.PackageNotFoundError(name) from None

    monkeypatch.setattr(env.importlib.metadata, 'version', version)


def test_only_the_standard_library_at_the_top(root):
    tree = ast.parse((root / 'mmsrn/utils/env.py').read_text())
    imported = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            imported |= {name.name.split('.')[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(node.module.split('.')[0])
    assert 'subprocess' in imported
    assert imported <= set(sys.stdlib_module_names)


# --- the operators -----------------------------------------------------------


@pytest.fixture
def operators(python, monkeypatch):
    """Function that tries the operators in an interpreter of a behaviour."""

    def run(script):
        monkeypatch.setattr(env.sys, 'executable', python(script))
        return env._operators_item()

    return run


def test_operators_that_run(operators):
    item = operators("echo chatter\necho 'cpu: runs'\necho 'cuda: runs'")
    assert item == EnvItem('mmcv operators', 'cpu: runs; cuda: runs')


def test_an_operator_is_run(operators, tmp_path):
    operators(f'echo "$2" > {tmp_path}/code')
    assert 'from mmcv.ops import nms' in (tmp_path / 'code').read_text()


def test_operators_of_this_environment():
    assert env._operators_item().value.startswith('cpu: runs')


@pytest.mark.parametrize(
    'script, value',
    [
        ('echo Traceback >&2; echo E: x >&2; exit 1', 'E: x'),
        ('exit 3', 'unknown error'),
        ('kill -SEGV $$', 'ended by signal 11'),
        ("echo 'cpu: runs'; echo no GPU >&2; exit 1", 'cpu: runs; no GPU'),
    ],
)
def test_operators_that_fail(operators, script, value):
    item = operators(script)
    assert (item.value, item.status) == (value, 'error')


REBUILD, HEADLESS = 'MMCV_WITH_OPS=1', 'apt-get install libgl1'


@pytest.mark.parametrize(
    'error, remedy',
    [
        ("ModuleNotFoundError: No module named 'mmcv._ext'", REBUILD),
        ('.../mmcv/_ext.so: undefined symbol: _ZN3c10', REBUILD),
        ('ImportError: libc10.so: cannot open shared object file', REBUILD),
        ('ImportError: libcudart.so.12: cannot open shared object', REBUILD),
        ('implementation for device cuda:0 not found.', REBUILD),
        ('ended by signal 6', REBUILD),
        ('ImportError: libGL.so.1: cannot open shared object', HEADLESS),
        ("No module named 'torch'", 'pip install torch'),
        ("No module named 'addict'", 'pip install addict'),
        ("No module named 'mmcv'", 'pip install onedl-mmcv --no-build'),
    ],
)
def test_remedy_for_the_operators(operators, error, remedy):
    item = operators(f'echo "{error}" >&2; exit 1')
    assert remedy in item.remedy and f'{sys.executable} -m pip' in item.remedy
    assert ('cache remove onedl_mmcv' in item.remedy) == (remedy == REBUILD)


def test_interpreter_with_a_blank_in_its_path(monkeypatch):
    monkeypatch.setattr(env.sys, 'executable', '/a b')
    assert env._remedy('mmcv', 'ended by signal 6').count("'/a b' -m pip") == 2


# --- the packages ------------------------------------------------------------


@pytest.mark.parametrize(
    'name, error, remedy',
    [
        ('mmcv', "No module named 'pkg_resources'", "'setuptools<81'"),
        ('mmcv', "No module named 'mmcv._ext'", 'MMCV_WITH_OPS=1'),
        ('mmdet', 'x.so: undefined symbol: y', 'MMCV_WITH_OPS=1'),
        ('cv2', 'libGL.so.1: cannot open shared', 'libgl1'),
        ('cv2', "No module named 'cv2'", "install 'opencv-python>=4.5,<5'"),
        ('mmdet', 'libgthread-2.0.so.0: cannot open', 'libglib2.0-0'),
        ('mmdet', "No module named 'mmdet'", 'install onedl-mmdetection'),
        ('mmdet', "No module named 'scipy.stats'", 'install scipy'),
        ('mmdet', "No module named 'cv2'", "install 'opencv-python>=4.5,<5'"),
        ('mmsrn', "No module named 'mmsrn'", 'install -e .'),
        ('scipy', 'numpy.core.multiarray failed to import', 'install scipy'),
    ],
)
def test_remedies(name, error, remedy):
    said = env._remedy(name, error)
    # A machine may have no `python`, or another one.
    assert remedy in said and f'{sys.executable} -m pip install' in said


def test_item_of_a_module(module):
    module('scipy', package('scipy', '1.2.3'))
    assert env._module_item('scipy') == EnvItem('scipy', '1.2.3')
    module('mmsrn', package('mmsrn', '0.1'))
    assert env._module_item('mmsrn').value == '0.1 (/x/mmsrn)'


def test_module_that_fails(module):
    module('mmdet', AssertionError('MMCV==9 is incompatible\nsecond line'))
    item = env._module_item('mmdet')
    assert item.status == 'error'
    assert item.value == 'AssertionError: MMCV==9 is incompatible'
    install = f'{sys.executable} -m pip install'
    assert item.remedy == f'{install} onedl-mmdetection'


@pytest.mark.parametrize('name', ['cv2', 'mmsrn', 'numpy'])
def test_folder_left_behind(module, tmp_path, monkeypatch, name):
    """Python imports an empty folder without complaint."""
    (tmp_path / 'left_behind').mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    module(name, env.importlib.import_module('left_behind'))
    item = env._opencv_item() if name == 'cv2' else env._module_item(name)
    assert item.status == 'error'
    assert item.value == f'an empty folder: {tmp_path / "left_behind"}'
    pip = f'{sys.executable} -m pip'
    assert item.remedy.startswith(f'remove the folder, then {pip}')


def test_two_opencvs(module, monkeypatch):
    module('cv2', package('cv2', '4.12.0'))
    both = dict(opencv_python='4.12.0', opencv_python_headless='4.11.0')
    distributions(monkeypatch, **both)
    item = env._opencv_item()
    assert item.status == 'warn'
    assert 'opencv-python-headless==4.12.0' in item.remedy
    assert item.remedy.startswith(f'{sys.executable} -m pip install')
    distributions(monkeypatch, **dict.fromkeys(both, '4.12.0'))
    assert env._opencv_item() == EnvItem('opencv', '4.12.0')
    distributions(monkeypatch, opencv_python_headless='4.12.0')
    assert env._opencv_item().status == 'ok'


@pytest.mark.parametrize(
    'installed, value, remedy',
    [
        ('numpy', 'none', 'make env'),
        ('onedl_mmcv numpy', 'onedl-mmcv', ''),
        ('mmdet mmcv_lite', 'mmcv-lite mmdet', ''),
        (
            'mmcv onedl_mmcv',
            'both lines are installed: onedl-mmcv mmcv',
            f'{sys.executable} -m pip uninstall -y onedl-mmcv mmcv; then',
        ),
    ],
)
def test_lines(monkeypatch, installed, value, remedy):
    distributions(monkeypatch, **dict.fromkeys(installed.split(), '1'))
    item = env._line_item()
    assert item.value == value
    assert item.status == ('error' if remedy else 'ok')
    assert remedy in item.remedy and bool(item.remedy) == bool(remedy)


def test_line_of_this_environment():
    assert env._line_item().status == 'ok'


def test_python_too_old(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(env.sys, 'version_info', (3, 9, 20))
        item = env._python_item()
    assert item.status == 'error' and item.remedy
    assert env._python_item().status == 'ok'


# --- devices -----------------------------------------------------------------


def gpu(items):
    return [x for x in items if x.name.startswith('GPU')]


def test_devices(monkeypatch):
    import torch

    cuda = torch.cuda
    monkeypatch.setattr(cuda, 'is_available', lambda: True)
    monkeypatch.setattr(cuda, 'device_count', lambda: 2)
    monkeypatch.setattr(cuda, 'get_device_capability', lambda i: (9, i))
    monkeypatch.setattr(cuda, 'get_device_name', lambda i: f'card {i}')
    items = env._device_items()
    assert items[0].name == 'CPU'
    assert items[0].value.startswith(f'{len(os.sched_getaffinity(0))} cores')
    assert gpu(items) == [
        EnvItem('GPU 0', 'card 0, capability 9.0'),
        EnvItem('GPU 1', 'card 1, capability 9.1'),
    ]


@pytest.mark.parametrize(
    'version, why', [(None, 'CPU torch'), ('12.8', 'built for CUDA 12.8')]
)
def test_no_gpu(monkeypatch, version, why):
    import torch

    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.version, 'cuda', version)
    (item,) = gpu(env._device_items())
    assert 'none usable' in item.value and why in item.value
    assert item.status == 'ok'


def test_torch_that_fails(monkeypatch):
    import torch

    def fail():
        raise RuntimeError('driver too old\nsecond line')

    monkeypatch.setattr(torch.cuda, 'is_available', fail)
    assert gpu(env._device_items()) == [
        EnvItem('GPU', 'unknown: driver too old')
    ]


# --- the report --------------------------------------------------------------


def test_report():
    items = [
        EnvItem('python', '3.11'),
        EnvItem('opencv', '4.12', 'warn', 'look'),
        EnvItem('mmcv', 'none', 'error', 'compile it'),
    ]
    assert env.format_env(items).splitlines() == [
        '  python  3.11',
        '? opencv  4.12',
        '          -> look',
        '! mmcv    none',
        '          -> compile it',
    ]
    assert env.format_env([]) == ''


def test_collect_goes_on_after_every_failure(monkeypatch):
    wrong = EnvItem('mmcv operators', 'none', 'error', 'compile them')
    monkeypatch.setattr(env, '_operators_item', lambda: wrong)
    distributions(monkeypatch)

    def load(name):
        raise ModuleNotFoundError(f'No module named {name!r}')

    monkeypatch.setattr(env.importlib, 'import_module', load)
    items = {x.name: x for x in env.collect_env()}
    wrong = [name for name, item in items.items() if item.status == 'error']
    assert wrong == [
        'torch',
        'numpy',
        'scipy',
        'opencv',
        'OpenMMLab line',
        'mmengine',
        'mmcv',
        'mmdet',
        'mmcv operators',
        'mmsrn',
    ]
    assert all(items[name].remedy for name in wrong)
