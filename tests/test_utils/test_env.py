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


# --- versions ----------------------------------------------------------------


@pytest.mark.parametrize(
    'version, requirement, fits',
    [
        ('2.3.1+cu121', 'torch>=2.4', False),
        ('2.0', 'torch>=2.4', False),
        ('2.4', 'torch>=2.4', True),
        ('2.4.0+cpu', 'torch>=2.4', True),
        ('2.4', 'torch>=2.4.0', True),
        ('2.10.0', 'torch>=2.4', True),
        ('2.13.0.dev20260101', 'torch>=2.4', True),
        ('3', 'torch>=2.4', True),
        ('5.0.0', 'torch<5,>=4.5', False),
        ('12.1', 'torch<5,>=4.5', False),
        ('4.4.9', 'torch<5,>=4.5', False),
        ('4.12.0', 'torch<5,>=4.5', True),
    ],
)
def test_bounds(monkeypatch, version, requirement, fits):
    distributions(monkeypatch, torch=version)
    assert env._misfit(requirement) == ('' if fits else version)


def test_versions_that_do_not_fit(monkeypatch):
    found = dict(torch='2.3.1+cpu', numpy='1.24', opencv_python='4.4.9')
    distributions(monkeypatch, **found, onedl_mmcv=None)
    items = {x.name: x for x in env._version_items(['onedl'])}
    assert set(items) == {'torch', 'onedl-mmcv', 'opencv-python'}
    assert items['torch'] == EnvItem(
        'torch',
        '2.3.1+cpu does not fit: mmsrn needs torch>=2.4',
        'error',
        f"{sys.executable} -m pip install --no-build-isolation 'torch>=2.4'",
    )
    # The other line asks for less.
    assert env._version_items(['openmmlab'])[0].name != 'torch'
    assert 'pytest' not in {x.name for x in env._version_items(['onedl'])}


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
    'installed, lines',
    [
        (['numpy'], {}),
        (['onedl_mmcv', 'numpy'], {'onedl': ['onedl-mmcv']}),
        (['mmcv_lite', 'mmdet'], {'openmmlab': ['mmcv-lite', 'mmdet']}),
        (
            ['mmcv', 'onedl_mmcv'],
            {'onedl': ['onedl-mmcv'], 'openmmlab': ['mmcv']},
        ),
    ],
)
def test_lines(monkeypatch, installed, lines):
    distributions(monkeypatch, **dict.fromkeys(installed, '1'))
    assert {k: sorted(v) for k, v in env._lines().items()} == lines


def test_lines_of_this_environment():
    assert len(env._lines()) == 1


def test_line_items():
    item = env._line_item({'onedl': ['onedl-mmcv'], 'openmmlab': ['mmcv']})
    assert item.status == 'error'
    pip = f'{sys.executable} -m pip'
    assert f'{pip} uninstall -y onedl-mmcv mmcv;' in item.remedy
    assert 'make env' in item.remedy
    assert env._line_item({}).status == 'error'
    item = env._line_item({'onedl': ['onedl-mmcv', 'onedl-mmdetection']})
    assert item.status == 'ok' and not item.remedy


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
    assert env.env_is_usable(items[:2])
    assert not env.env_is_usable(items)


def test_collect_goes_on_after_every_failure(monkeypatch):
    wrong = EnvItem('mmcv operators', 'none', 'error', 'compile them')
    monkeypatch.setattr(env, '_operators_item', lambda: wrong)
    monkeypatch.setattr(env, '_lines', dict)

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
