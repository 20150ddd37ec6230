"""FLOPs and parameters: against torch's own counter, and in the README."""

import re
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from torch.utils.flop_counter import FlopCounterMode

from mmsrn.testing.models import load_model_cfg, random_batch

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


def test_against_another_counter(tool):
    cfg = Config.fromfile(
        ROOT / 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
    )
    params, flops = tool.count(cfg, (64, 96))
    model = MODELS.build(cfg.model).eval()
    assert params == sum(x.numel() for x in model.parameters())
    data = model.data_preprocessor(random_batch(1, (64, 96)))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(**data)
    # It counts additions as well, but neither norms nor interpolation.
    convolutions = counter.get_total_flops() / 2
    assert convolutions < flops < 1.02 * convolutions


def test_whole_second_stage_is_counted(tool):
    """With few or many regions, and the RPN in front of it."""
    name = 'faster-rcnn_r50_fpn_srn-rpn_1x_coco'
    cfg = Config.fromfile(MIXING / f'{name}.py')
    cfg.model.backbone.update(depth=18, init_cfg=None)
    cfg.model.neck.in_channels = [64, 128, 256, 512]
    flops = {}
    for regions in (10, 20, 30):
        cfg.model.test_cfg.rpn.max_per_img = regions
        flops[regions] = tool.count(cfg, (64, 64))[1]
    per_region = 256 * 49 * 1024 + 1024 * 1024 + 1024 * (81 + 320)
    assert flops[20] - flops[10] == flops[30] - flops[20] == 10 * per_region
    rest = flops[10] - 10 * per_region
    cfg.model.rpn_head.stacked_convs = 5
    more = tool.count(cfg, (64, 64))[1] - flops[30]
    # Both subnets on the second-step maps, one of them on the first-step.
    cells = 16**2 + 8**2 + 4**2 + 2**2 + 1
    assert more == 9 * 256 * 256 * 3 * cells < rest


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
        model = MODELS.build(load_model_cfg(MIXING / f'{name}.py'))
        count = sum(x.numel() for x in model.parameters())
        assert f'{count / 1e6:.1f}' == params, name


@pytest.mark.parametrize('name', LIGHT)
def test_flops_of_the_readme(tool, rows, name):
    cfg = Config.fromfile(MIXING / f'{name}.py')
    cfg.model.backbone.init_cfg = None
    _, flops = tool.count(cfg, (640, 640))
    assert f'{flops / 1e9:.1f}' == rows[name][1]


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
def test_flops_of_isrn(tool, path):
    cfg = Config.fromfile(path)
    cfg.model.backbone.init_cfg = None
    # All maps of an input of 640 x 640 have 5 times the sides.
    flops = 25 * tool.count(cfg, (128, 128))[1]
    assert f'{flops / 1e9:.1f}' == isrn_rows()[path.stem][1]
