"""SRN's parts in other detectors: every config builds, learns and predicts."""

import re
from itertools import count
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config

from mmsrn.models.two_step import box_quality
from mmsrn.testing.models import load_model_cfg, random_batch

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(x.stem for x in (ROOT / 'configs/mixing').glob('*.py'))
SIZE = (128, 128)
BACKBONES = dict(
    r50='ResNet',
    mobilenetv2='MobileNetV2',
    pvtv2='PyramidVisionTransformerV2',
    regnetx='RegNet',
    res2net='Res2Net',
    swin='SwinTransformer',
    x50='ResNeXt',
)
HOSTS = dict(
    atss='ATSS',
    cascade='CascadeRCNN',
    faster='FasterRCNN',
    fcos='FCOS',
    gfl='GFL',
    retinanet='RetinaNet',
    srn='SRN',
)
# Faces of no size fit the coarsest levels, whose boxes then teach nothing.
COARSE = re.compile(r'neck\.(extra|first)|bbox_head\.(conv_refine|scales)')


def path_of(name):
    return ROOT / f'configs/mixing/{name}.py'


def small_model(name):
    """Model of a config that learns from random weights."""
    torch.manual_seed(0)
    cfg = load_model_cfg(path_of(name))
    if 'norm_eval' in cfg.backbone:
        cfg.backbone.norm_eval = False
    if cfg.backbone.type in ('ResNet', 'ResNeXt', 'RegNet', 'Res2Net'):
        cfg.backbone.zero_init_residual = False
    cfg.test_cfg.get('rcnn', cfg.test_cfg).score_thr = 0
    if 'rpn' in cfg.test_cfg:
        cfg.test_cfg.rpn.max_per_img = 20
    model = MODELS.build(cfg)
    model.init_weights()
    return model


def fixed_batch(num_classes):
    """One object in each image fills it, the others are smaller."""
    batch = random_batch(size=SIZE)
    for sample in batch['data_samples']:
        gts = sample.gt_instances
        gts.bboxes[0] = torch.tensor([0.0, 0.0, *SIZE])
        gts.labels = torch.arange(len(gts)) * 7 % num_classes
    return batch


def loss_of(model, batch):
    torch.manual_seed(1)  # for dropout and samplers of regions
    data = model.data_preprocessor(batch, training=True)
    total, log = model.parse_losses(model(**data, mode='loss'))
    assert all(x.isfinite() for x in log.values())
    return total


@pytest.fixture
def fixed_quality(monkeypatch):
    """Overlaps that scores should learn stay as they are at first.

    Else better boxes ask for higher scores, and the loss may rise.
    """
    found, calls = [], count()

    def of_step(*args):
        step = next(calls) % 2
        if step == len(found):
            found.append(box_quality(*args))
        return found[step]

    module = 'mmsrn.models.two_step.quality'
    monkeypatch.setattr(f'{module}.box_quality', of_step)


@pytest.mark.parametrize('name', CONFIGS)
def test_learns_and_predicts(name, fixed_quality):
    model = small_model(name).train()
    num_classes = 1 if 'facemask' in name else 80
    heads = getattr(model, 'roi_head', model).bbox_head
    for head in heads if isinstance(heads, torch.nn.ModuleList) else [heads]:
        assert head.num_classes == num_classes
    batch = fixed_batch(num_classes)
    before = loss_of(model, batch)
    before.backward()
    grads = {k: p.grad for k, p in model.named_parameters() if p.requires_grad}
    assert all(x is not None and x.isfinite().all() for x in grads.values())
    unmoved = [k for k, x in grads.items() if not x.any()]
    assert not [k for k in unmoved if not COARSE.match(k)]

    # A step down the slope by a hundredth of the loss.
    slope = sum(float(x.square().sum()) for x in grads.values())
    lr = 0.01 * before.item() / slope
    torch.optim.SGD(model.parameters(), lr=lr).step()
    assert loss_of(model, batch) < before

    for sample in model.eval().test_step(batch):
        found = sample.pred_instances
        assert len(found) > 0
        assert found.bboxes.shape == (len(found), 4)
        assert found.bboxes.isfinite().all()
        assert found.labels.max() < num_classes
        assert (found.scores[:-1] >= found.scores[1:]).all()


@pytest.mark.parametrize('name', CONFIGS)
def test_the_name_says_what_the_config_does(name):
    cfg = Config.fromfile(path_of(name))
    assert 'mmsrn.models' in cfg.custom_imports.imports
    host, backbone, *_, data = name.split('_')
    assert cfg.model.type == HOSTS[host.split('-')[0]]
    assert cfg.model.backbone.type == BACKBONES[backbone.split('-')[0]]
    kinds = dict(coco='CocoDataset', facemask='VOCFaceDataset')
    assert cfg.train_dataloader.dataset.type == kinds[data]
    schedule = dict(coco=('1x', 12), facemask=('1xb16-10e', 10))[data]
    assert (name.split('_')[-2], cfg.train_cfg.max_epochs) == schedule
    used = str(cfg.model)
    for word, part in (
        ('_srn-rpn_', 'SecondStepRoIExtractor'),
        ('_stc_', 'STCRetinaHead'),
        ('_str_', 'STRATSSHead'),
        ('_rfe_', 'RFENeck'),
        ('_pafpn_', 'PAFPN'),
        ('_fpg_', 'FPG'),
        ('_channel-mapper_', 'ChannelMapper'),
        ('_atss_', 'ATSSAssigner'),
        ('_giou_', 'GIoULoss'),
        ('_qfl_', 'QualityFocalLoss'),
        ('_vfl_', 'VarifocalLoss'),
    ):
        assert word not in name or f"'{part}'" in used
