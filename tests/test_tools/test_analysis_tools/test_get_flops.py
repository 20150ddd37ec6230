"""The table of parameters and operations, and those of the README."""

import re
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config

from mmsrn.models.utils.model_cost import count
from mmsrn.testing.models import load_model_cfg

ROOT = Path(__file__).resolve().parents[3]
MIXING = ROOT / 'configs/mixing'
ROW = re.compile(
    r'^\| \[(\S+)\]\((\S+)\.py\) \|.*\| ([\d.]+) \| ([\d.]+) \| .* \|$', re.M
)
ISRN = sorted((ROOT / 'configs/isrn').glob('*.py'))
ISRN_ROW = re.compile(
    r'^\| .*\((\S+)\.py\) \| .* \| ([\d.]+) \| ([\d.]+) \|$', re.M
)
LIGHT = [
    'srn_mobilenetv2_fpn_atss_1xb16-10e_facemask',
    'srn_mobilenetv2_channel-mapper_1xb16-10e_facemask',
]


@pytest.fixture(scope='module')
def rows():
    """Parameters and FLOPs of the README by config."""
    found = ROW.findall((MIXING / 'README.md').read_text())
    assert all(name == file for name, file, *_ in found)
    return {name: numbers for name, _, *numbers in found}


@pytest.fixture
def tool(load_tool):
    return load_tool('analysis_tools/get_flops.py')


def test_table_of_the_tool(tool, capsys):
    path = MIXING / f'{LIGHT[0]}.py'
    tool.main([str(path), '--size', '64'])
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf'\| {path.stem} \| 3\.6 \| 0\.1 \|', lines[-1])


def test_wrong_size(tool, capsys):
    with pytest.raises(SystemExit):
        tool.main([str(MIXING / f'{LIGHT[0]}.py'), *'--size 1 2 3'.split()])
    assert 'one or two numbers' in capsys.readouterr().err


def test_readme_names_every_config(rows):
    assert sorted(rows) == sorted(x.stem for x in MIXING.glob('*.py'))


def test_parameters_of_the_readme(rows):
    for name, (params, _) in rows.items():
        # Without numbers, which take their time; transformers want them.
        device = 'cpu' if re.search('swin|pvt', name) else 'meta'
        with torch.device(device):
            model = MODELS.build(load_model_cfg(MIXING / f'{name}.py'))
        count = sum(x.numel() for x in model.parameters())
        assert f'{count / 1e6:.1f}' == params, name


@pytest.mark.parametrize('name', LIGHT)
def test_flops_of_the_readme(rows, name):
    cfg = Config(dict(model=load_model_cfg(MIXING / f'{name}.py')))
    operations = count(cfg, (640, 640)).operations
    assert f'{operations / 1e9:.1f}' == rows[name][1]


def isrn_rows():
    text = (ROOT / 'configs/isrn/README.md').read_text()
    return {name: numbers for name, *numbers in ISRN_ROW.findall(text)}


def test_parameters_of_isrn():
    found = {}
    for path in ISRN:
        with torch.device('meta'):
            model = MODELS.build(load_model_cfg(path))
        params = sum(x.numel() for x in model.parameters())
        found[path.stem] = f'{params / 1e6:.2f}'
    assert found == {name: x[0] for name, x in isrn_rows().items()}


@pytest.mark.parametrize(
    'path', [x for x in ISRN if 'root' in x.stem], ids=lambda x: x.stem
)
def test_flops_of_isrn(path):
    cfg = Config(dict(model=load_model_cfg(path)))
    # All maps of an input of 640 x 640 have 5 times the sides.
    operations = 25 * count(cfg, (128, 128)).operations
    assert f'{operations / 1e9:.1f}' == isrn_rows()[path.stem][1]
