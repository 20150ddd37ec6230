"""Detectors and photos from files, and wrong arguments."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.speed import __main__ as tool
from benchmarks.speed.detectors import load_detector
from mmsrn.utils import register_all_modules

register_all_modules()
LIGHT = 'configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
RETINANET = 'configs/retinanet/retinanet_mobilenetv2_fpn_1xb16-10e_facemask.py'
FEW = '--iters 1 --warmup 1 --device cpu'.split()


@pytest.fixture
def small_config(root, tmp_path):
    """The light SRN, whose test makes photos small."""
    path = tmp_path / 'small.py'
    path.write_text(
        f'_base_ = {str(root / LIGHT)!r}\n'
        'test_dataloader = dict(dataset=dict(pipeline=[\n'
        "    dict(type='LoadImageFromFile'),\n"
        "    dict(type='Resize', scale=(96, 64), keep_ratio=True),\n"
        "    dict(type='PackDetInputs', meta_keys=("
        "'img_shape', 'ori_shape', 'scale_factor'))]))\n"
    )
    return path


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / 'photos'
    (folder / 'more').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, size in (('a.png', (120, 90)), ('more/b.jpg', (64, 192))):
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / name), image)
    return folder


def test_photos_and_checkpoints(small_config, photos, tmp_path, capsys):
    from mmdet.registry import MODELS
    from mmengine.config import Config

    cfg = Config.fromfile(small_config)
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    nn.init.constant_(model.bbox_head.conv_cls.bias, 9.0)  # all are faces
    nn.init.constant_(model.bbox_head.conv_cls.weight, 0.0)
    checkpoint = tmp_path / 'epoch_1.pth'
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    again = shutil.copy(checkpoint, tmp_path / 'epoch_2.pth')
    tool.main(
        [
            *(f'{small_config}={checkpoint}', f'{small_config}={again}'),
            *('--variants', 'dense', '--images', str(photos)),
            *('--json', str(tmp_path / 'out/benchmark.json'), *FEW),
        ]
    )
    result = json.loads((tmp_path / 'out/benchmark.json').read_text())
    names = ['small=epoch_1', 'small=epoch_2']
    assert [x['name'] for x in result['models']] == names
    (setting,) = result['settings']
    assert setting['size'] == '2 photos'
    # 85 x 64 and 32 x 96 pixels: P2 of 22 x 16 and 8 x 24 cells.
    level = setting['active']['small=epoch_1'][0]
    assert level['cells'] == 22 * 16 + 8 * 24
    assert level['survive'] == level['boxes'] == 1
    first, second = setting['rows']
    assert first['boxes'] == second['boxes'] > 0
    assert first['multiply_adds'] == second['multiply_adds']
    assert 'random weights' not in capsys.readouterr().out


def test_weights_that_ship(root, fails, monkeypatch):
    """By name, with the config of their training or another one."""
    from safetensors.torch import load_file

    from mmsrn.zoo import find_model

    weights = load_file(find_model('srn_mobilenetv2', 'torch'))
    alone = load_detector('srn_mobilenetv2', 'cpu')
    assert alone.name == 'srn_mobilenetv2'
    assert alone.model.bbox_head.test_cfg.nms.iou_threshold == 0.65
    other = load_detector(f'{root / LIGHT}=srn_mobilenetv2', 'cpu')
    assert other.name == f'{Path(LIGHT).stem}=srn_mobilenetv2'
    assert other.model.bbox_head.test_cfg.nms.iou_threshold == 0.5
    for loaded in (alone, other):
        assert loaded.cfg.test_dataloader.dataset.ann_file == 'val.txt'
        state = loaded.model.state_dict()
        for name, tensor in weights.items():
            assert state[name].equal(tensor.to(state[name].dtype)), name
    monkeypatch.setattr('mmsrn.zoo.model_zoo.HERE', root / 'nowhere')
    assert 'reinstall mmsrn' in fails(tool, 'srn_mobilenetv2')


def test_wrong_files(fails, small_config, photos, tmp_path):
    out = FEW
    error = fails(tool, small_config, '--images', tmp_path / 'none', *out)
    assert 'none: No such file' in error
    (tmp_path / 'empty').mkdir()
    error = fails(tool, small_config, '--images', tmp_path / 'empty', *out)
    assert 'this folder has no images' in error
    (photos / 'a.png').write_bytes(b'no image')
    error = fails(tool, small_config, '--images', photos, *out)
    assert 'a.png: is not an image' in error
    error = fails(tool, f'{small_config}=missing.pth', *out)
    assert 'missing.pth is not a file' in error
    other = tmp_path / 'other.pth'
    torch.save({'state_dict': {}}, other)
    assert 'name its config: CONFIG=' in fails(tool, other, *out)
    assert f'{other} does not fit' in fails(
        tool, f'{small_config}={other}', *out
    )
    (tmp_path / 'file').touch()
    out = ['--json', tmp_path / 'file/x.json', '--variants', 'dense', *FEW]
    error = fails(tool, small_config, '--size', '64', *out)
    assert 'x.json' in error and 'cannot be written' in error


def test_wrong_arguments(fails):
    error = fails(tool, '--variants', 'dense', 'fast')
    assert "unknown variant 'fast'; there are published, dense, " in error
    for wrong in ('dense+', 'auto+amp+prepared', 'auto+coarse+coarse'):
        assert 'unknown variant' in fails(tool, '--variants', wrong)
    for mode in ('published', 'dense+prepared'):
        error = fails(tool, '--variants', f'{mode}+coarse')
        assert f'+coarse has no effect on {mode.split("+")[0]}' in error
    for size in ('640x', '0x640', '1x2x3', 'large'):
        assert 'such as 480x640' in fails(tool, '--size', size)
    for share in ('1.5', '-0.1', 'nan', 'few'):
        assert 'from 0 to 1' in fails(tool, f'--impose-active={share}')
    error = fails(tool, '--size', '64', '--images', '.')
    assert 'not allowed with argument --size' in error
    assert 'did you mean' in fails(tool, 'srn_r50_fpn.p')


def test_heads_that_have_no_second_step(root, fails, tmp_path, capsys):
    config = root / RETINANET
    out = ['--size', '64', '--json', tmp_path / 'benchmark.json', *FEW]
    error = fails(tool, config, '--variants', 'dense', 'selective', *out)
    assert f'{config}: has no SRNHead' in error
    assert "no variant 'selective'" in error
    error = fails(tool, config, '--impose-active', '0.1', *out)
    assert f'--impose-active: {config} has no SRNHead' in error
    # Two of a name are told apart by their folders.
    other = tmp_path / config.name
    other.write_text(f'_base_ = {str(config)!r}')
    tool.main([str(x) for x in (config, other, *out)])
    result = json.loads((tmp_path / 'benchmark.json').read_text())
    names = [str(config), str(other)]
    assert [x['name'] for x in result['models']] == names
    (setting,) = result['settings']
    assert [x['model'] for x in setting['rows']] == names
    for row in setting['rows']:
        assert row['variant'] == 'dense'
        assert row['stage_multiply_adds']['head'] > 0
