"""Each way an installation can be broken is found, with its remedy."""

import ast
import os
import sys
import types

import pytest

from mmsrn.utils import env
from mmsrn.utils.env import EnvItem, OpsStatus


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


def test_probe_reads_the_last_line(python):
    answer = '{"devices": ["cpu", "cuda"], "failed": {"cuda": "E: no"}}'
    status = env.probe_ops(python(f"echo chatter\necho '{answer}'"))
    assert status == OpsStatus(('cpu',), {'cuda': 'E: no'})
    assert not status.ok
    assert status.summary == 'cpu: runs; cuda: E: no'


def test_probe_runs_the_operator(python, tmp_path):
    answer = '{"devices": ["cpu"], "failed": {}}'
    script = f'echo "$2" > {tmp_path}/code\necho "$A" > {tmp_path}/a\n'
    status = env.probe_ops(python(f"{script}echo '{answer}'"), {'A': 'b'})
    assert status.ok and status.summary == 'cpu: runs'
    assert 'from mmcv.ops import nms' in (tmp_path / 'code').read_text()
    assert (tmp_path / 'a').read_text() == 'b\n'


def test_probe_that_fails(python):
    status = env.probe_ops(python('echo Traceback >&2; echo E: x >&2; exit 1'))
    assert status == OpsStatus(error='E: x')
    assert env.probe_ops(python('exit 3')).error == 'unknown error'


def test_probe_that_crashes(python):
    status = env.probe_ops(python('kill -SEGV $$'))
    assert status.error == 'ended by signal 11'
    assert status.needs_rebuild and not status.ok


@pytest.mark.parametrize(
    'error, rebuild',
    [
        ("ModuleNotFoundError: No module named 'mmcv._ext'", True),
        ("ModuleNotFoundError: No module named 'mmcv'", True),
        ('ImportError: .../mmcv/_ext.so: undefined symbol: _ZN3c10', True),
        ('ImportError: libc10.so: cannot open shared object file', True),
        ('ImportError: libcudart.so.12: cannot open shared object', True),
        ('ImportError: libGL.so.1: cannot open shared object file', False),
        ("ModuleNotFoundError: No module named 'torch'", False),
        ("ModuleNotFoundError: No module named 'mmengine'", False),
    ],
)
def test_when_compiling_anew_helps(error, rebuild):
    assert OpsStatus(error=error).needs_rebuild == rebuild


def test_compiled_for_the_cpu_only():
    why = 'RuntimeError: nms_impl: implementation for device cuda:0 not found.'
    status = OpsStatus(('cpu',), {'cuda': why})
    assert status.needs_rebuild and not status.ok
    assert not OpsStatus(('cpu',)).needs_rebuild


@pytest.mark.parametrize(
    'status, remedy',
    [
        (OpsStatus(error='ended by signal 6'), 'MMCV_WITH_OPS=1'),
        (
            OpsStatus(error="No module named 'mmcv._ext'"),
            'pip cache remove onedl_mmcv; MMCV_WITH_OPS=1',
        ),
        (OpsStatus(error='libGL.so.1: cannot open'), 'apt-get install libgl1'),
        (OpsStatus(error="No module named 'torch'"), 'pip install torch'),
    ],
)
def test_remedy_for_the_operators(monkeypatch, status, remedy):
    monkeypatch.setattr(env, 'probe_ops', lambda: status)
    item = env._ops_item()
    assert item.status == 'error' and item.value == status.summary
    assert remedy in item.remedy
    assert f'{sys.executable} -m pip install' in item.remedy


def test_remedy_for_operators_of_another_interpreter():
    rebuild = env.remedy_for_ops(OpsStatus(error='ended by signal 6'), '/a b')
    assert rebuild.count("'/a b' -m pip ") == 2
    addict = OpsStatus(error="No module named 'addict'")
    assert env.remedy_for_ops(addict, '/x') == '/x -m pip install addict'


# --- versions ----------------------------------------------------------------


def test_requirements(tmp_path):
    path = tmp_path / 'setup.cfg'
    path.write_text(
        '[options]\n'
        'install_requires =\n    torch>=2.1\n    numpy>=1.24\n'
        '[options.extras_require]\n'
        'more =\n    # why\n    torch>=2.4\nother =\n    a\n'
    )
    both = ['torch>=2.1', 'numpy>=1.24']
    assert env.read_requirements(path) == both
    assert env.read_requirements(path, 'more') == ['torch>=2.4', *both]
    with pytest.raises(FileNotFoundError):
        env.read_requirements(tmp_path / 'none.cfg')


@pytest.mark.parametrize(
    'version, unmet',
    [
        ('2.3.1+cu121', 'torch>=2.4'),
        ('2.0', 'torch>=2.4'),
        ('2.4', ''),
        ('2.4.0+cpu', ''),
        ('2.10.0', ''),
        ('2.13.0.dev20260101', ''),
        ('3', ''),
    ],
)
def test_unmet_requirement(version, unmet):
    requirements = ['torchvision>=9', 'torch>=2.4', 'torch>=2.1', 'numpy<2']
    assert env.unmet_requirement(requirements, 'torch', version) == unmet
    assert not env.unmet_requirement(requirements, 'numpy', version)
    assert not env.unmet_requirement(['torch>=2.4.0'], 'torch', '2.4')


def test_versions_that_are_too_old(monkeypatch):
    found = dict(torch='2.3.1+cpu', numpy='1.24', opencv_python='4.4.9')
    distributions(monkeypatch, **found, onedl_mmcv=None)
    items = {x.name: x for x in env._requirement_items({'onedl': []})}
    assert set(items) == {'torch', 'onedl-mmcv', 'opencv-python'}
    assert items['torch'] == EnvItem(
        'torch',
        '2.3.1+cpu is too old: mmsrn needs torch>=2.4',
        'error',
        f"{sys.executable} -m pip install --no-build-isolation 'torch>=2.4'",
    )
    # The other line asks for less.
    assert env._requirement_items({'openmmlab': []})[0].name != 'torch'
    monkeypatch.setattr(env, 'find_mm_line', lambda: {'onedl': []})
    monkeypatch.setattr(env, 'probe_ops', lambda: OpsStatus(('cpu',)))
    assert items['torch'] in env.collect_env()


# --- the packages ------------------------------------------------------------


@pytest.mark.parametrize(
    'name, error, remedy',
    [
        ('mmcv', "No module named 'pkg_resources'", "'setuptools<81'"),
        ('mmcv', "No module named 'mmcv._ext'", 'MMCV_WITH_OPS=1'),
        ('mmdet', 'x.so: undefined symbol: y', 'MMCV_WITH_OPS=1'),
        ('cv2', 'libGL.so.1: cannot open shared', 'libGL.so.1'),
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
    said = env.remedy_for_import(name, error)
    # A machine may have no `python`, or another one.
    assert remedy in said and f'{sys.executable} -m pip install' in said
    assert '/x/python -m pip' in env.remedy_for_import(
        name, error, '/x/python'
    )


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


@pytest.mark.parametrize('version', ['5.0.0', '12.1'])
def test_opencv_too_new(module, version):
    module('cv2', package('cv2', version))
    item = env._opencv_item()
    assert (item.name, item.status) == ('opencv', 'error')
    install = f'{sys.executable} -m pip install'
    assert item.remedy == f"{install} 'opencv-python>=4.5,<5'"


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
    'names, lines',
    [
        (['numpy'], {}),
        (['Onedl_MMCV', 'numpy'], {'onedl': ['onedl-mmcv']}),
        (['mmcv.lite', 'mmdet'], {'openmmlab': ['mmcv-lite', 'mmdet']}),
        (
            ['mmcv', 'onedl-mmcv'],
            {'onedl': ['onedl-mmcv'], 'openmmlab': ['mmcv']},
        ),
    ],
)
def test_lines(names, lines):
    assert env.find_mm_line(names) == lines


def test_lines_of_this_environment(monkeypatch):
    assert len(env.find_mm_line()) == 1
    nameless = types.SimpleNamespace(metadata={'Name': None})
    unreadable = types.SimpleNamespace(metadata=None)
    monkeypatch.setattr(
        env.importlib.metadata,
        'distributions',
        lambda: [nameless, unreadable],
    )
    assert env.find_mm_line() == {}


def test_line_items():
    item = env._line_item({'onedl': ['onedl-mmcv'], 'openmmlab': ['mmcv']})
    assert item.status == 'error'
    pip = f'{sys.executable} -m pip'
    assert f'{pip} uninstall -y onedl-mmcv mmcv,' in item.remedy
    assert f'{pip} install -e' in item.remedy
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
    monkeypatch.setattr(
        env, 'probe_ops', lambda: OpsStatus(error="No module named 'mmcv'")
    )
    monkeypatch.setattr(env, 'find_mm_line', lambda: {})

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
