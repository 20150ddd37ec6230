"""Everything of mmsrn can be built by name."""

import re
import subprocess
import sys

import mmdet.registry
import pytest
from mmengine.registry import DefaultScope

from mmsrn.utils import register_all_modules, registration

DECORATOR = re.compile(
    r'^@(\w+)\.register_module\(.*\)\n(?:@.*\n)*(?:class|def) (\w+)',
    re.MULTILINE,
)


def test_every_module_of_the_source(root):
    register_all_modules()
    register_all_modules()  # twice does no harm
    found = [
        match.groups()
        for file in (root / 'mmsrn').rglob('*.py')
        for match in DECORATOR.finditer(file.read_text())
    ]
    assert ('MODELS', 'SRN') in found and len(found) > 8
    for registry, name in found:
        module = getattr(mmdet.registry, registry).get(name)
        assert module is not None, name
        assert module.__module__.startswith('mmsrn.'), name


def test_default_scope():
    register_all_modules()
    assert DefaultScope.get_current_instance().scope_name == 'mmdet'


@pytest.mark.parametrize('init', [True, False])
def test_scope_is_left_to_the_caller(monkeypatch, init):
    seen = []
    monkeypatch.setattr(
        'mmdet.utils.register_all_modules',
        lambda init_default_scope: seen.append(init_default_scope),
    )
    register_all_modules(init_default_scope=init)
    assert seen == [init]


def test_subpackages_are_those_that_register(root):
    found = {
        file.relative_to(root / 'mmsrn').parts[0]
        for file in (root / 'mmsrn').rglob('*.py')
        if DECORATOR.search(file.read_text())
    }
    # Of the evaluation, what does not register needs no mmdet.
    assert sorted(found) == [
        name.partition('.')[0] for name in registration._SUBPACKAGES
    ]


def test_broken_subpackage_is_no_secret(monkeypatch):
    def broken(name):
        raise ImportError(f'{name} is broken')

    monkeypatch.setattr(registration.importlib, 'import_module', broken)
    with pytest.raises(ImportError, match='mmsrn.datasets is broken'):
        register_all_modules()


def test_importing_is_light():
    """Nothing heavy comes with the package or the names of its utilities."""
    code = (
        'import sys, mmsrn.utils, mmsrn.utils.env\n'
        'import mmsrn.cli.launch, mmsrn.cli.arguments\n'
        'heavy = {"torch", "mmcv", "mmdet", "mmengine", "numpy", "cv2"}\n'
        'print(sorted(heavy & set(sys.modules)))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert done.stdout == '[]\n', done.stderr
