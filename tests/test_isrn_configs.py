"""The configs of ISRN's parts: what they change, and a step of each."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.config import Config
from torch import nn

from mmsrn.testing.models import thin_model
from mmsrn.utils import register_all_modules

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / 'configs/isrn').glob('*.py'))
BASES = {
    'widerface': 'srn_r50_fpn_8xb4-130e_widerface',
    'facemask': 'srn_mobilenetv2_fpn_1xb16-10e_facemask',
}
SIDE = 384  # three cells of P7


def parts(path):
    """What the name says."""
    words = re.split('[_-]', path.stem)
    return {x: x in words for x in ('root', 'scratch', 'gn', 'das')}


def base_of(path):
    name = BASES[path.stem.rsplit('_', 1)[1]]
    return Config.fromfile(ROOT / f'configs/srn/{name}.py')


def changed(new, old, name=''):
    """Names of the settings that differ."""
    if not (isinstance(new, dict) and isinstance(old, dict)):
        return {name} if new != old else set()
    return {
        found
        for key in {*new, *old}
        for found in changed(new.get(key), old.get(key), f'{name}.{key}')
    }


@pytest.mark.parametrize('path', CONFIGS, ids=lambda x: x.stem)
def test_the_name_says_what_differs_from_srn(path):
    cfg, part = Config.fromfile(path), parts(path)
    expected = set()
    if part['root']:
        expected |= {'.model.backbone.type', '.model.backbone.frozen_stages'}
    if part['scratch']:
        assert part['gn']
        expected |= {
            '.model.backbone.frozen_stages',
            '.model.backbone.init_cfg',
            '.model.backbone.norm_cfg.num_groups',
            '.model.backbone.norm_cfg.type',
            '.model.backbone.zero_init_residual',
            '.model.neck.norm_cfg',
            '.model.bbox_head.norm_cfg',
            '.model.bbox_head.rfe.norm_cfg',
            '.train_cfg.max_epochs',
            '.train_dataloader.batch_size',
            '.param_scheduler',
            '.optim_wrapper.optimizer.lr',
            '.auto_scale_lr.base_batch_size',
        }
    if part['das']:
        expected.add('.train_dataloader.dataset.pipeline')
    found = changed(cfg.to_dict(), base_of(path).to_dict())
    # Names at the top of base files have no effect.
    assert found - {'.norm_cfg', '.train_pipeline'} == expected
    schedule = re.search(r'(\d)xb(\d+)-(\d+)e', path.stem).groups()
    processes, batch, epochs = map(int, schedule)
    assert cfg.train_dataloader.batch_size == batch
    assert cfg.auto_scale_lr.base_batch_size == processes * batch
    assert cfg.train_cfg.max_epochs == epochs


def test_recipe_from_scratch():
    """Twice the epochs; the rate follows the batch."""
    (path,) = (x for x in CONFIGS if '50-scratch_fpn_gn-all_8x' in x.stem)
    cfg, base = Config.fromfile(path), base_of(path)
    assert base.param_scheduler[1].milestones == [100, 120]
    assert cfg.param_scheduler[1].milestones == [200, 240]
    assert cfg.param_scheduler[0] == base.param_scheduler[0]
    assert cfg.optim_wrapper.optimizer.lr == 0.01 * 16 / 32


def test_parts_are_off_elsewhere():
    for path in (ROOT / 'configs').glob('*/*.py'):
        if path.parent.name in ('isrn', '_base_'):
            continue
        text = path.read_text()
        assert 'DataAnchorSampling' not in text, path
        assert 'RootResNet' not in text, path


@pytest.mark.parametrize('path', CONFIGS, ids=lambda x: x.stem)
def test_trains_a_step_and_predicts(path, learns_and_predicts):
    model, part = thin_model(path), parts(path)
    norms = [x for x in model.modules() if isinstance(x, nn.GroupNorm)]
    batch_norms = [x for x in model.modules() if isinstance(x, nn.BatchNorm2d)]
    assert bool(norms) == part['gn'] == (not batch_norms)
    assert all(x.num_groups == 16 for x in norms)
    if part['gn']:  # of every convolution but the predictors
        convs = [x for x in model.modules() if isinstance(x, nn.Conv2d)]
        assert len(norms) == len(convs) - 2

    frozen = [k for k, v in model.named_parameters() if not v.requires_grad]
    assert bool(frozen) == ('srn_r50_fpn_das' in path.stem)
    learns_and_predicts(model, SIDE)


@pytest.mark.parametrize(
    'path', [x for x in CONFIGS if parts(x)['das']], ids=lambda x: x.stem
)
def test_pipelines_with_sampling(path):
    """Every image becomes a square with its face in it."""
    register_all_modules()
    cfg = Config.fromfile(path)
    pipeline = cfg.train_dataloader.dataset.pipeline
    side = pipeline[3].crop_size
    assert pipeline[3].type == 'DataAnchorSampling'
    pipeline = Compose(pipeline[2:])
    for seed in range(3):
        np.random.seed(seed)
        packed = pipeline(
            dict(
                img=np.zeros((90, 140, 3), np.uint8),
                img_id=seed,
                img_path='',
                ori_shape=(90, 140),
                gt_bboxes=HorizontalBoxes(torch.tensor([[30.0, 20, 50, 45]])),
                gt_bboxes_labels=np.zeros(1, int),
                gt_ignore_flags=np.zeros(1, bool),
            )
        )
        assert packed['inputs'].shape == (3, side, side)
        sample = packed['data_samples']
        assert sample.img_shape == (side, side)
        (box,) = sample.gt_instances.bboxes.tensor
        assert (box >= 0).all() and (box <= side).all()
