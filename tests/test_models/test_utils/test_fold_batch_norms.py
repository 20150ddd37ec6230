import copy

import pytest
import torch
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from torch import nn

from mmsrn.models.utils.fold_batch_norms import fold_batch_norms


class ReLUNorm(nn.BatchNorm2d):
    """As timm's: a norm with an activation."""

    def forward(self, x):
        return super().forward(x).relu()


def build(**cfg):
    init_default_scope('mmdet')
    return MODELS.build(ConfigDict(cfg))


def resnet(**cfg):
    return build(type='ResNet', depth=18, base_channels=8, **cfg)


def shared_conv():
    conv = nn.Conv2d(3, 3, 1)
    norms = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    return nn.Sequential(*(nn.Sequential(conv, x) for x in norms))


FOLDED = {
    'conv-module': (lambda: ConvModule(3, 4, 3, norm_cfg=dict(type='BN')), 0),
    'sequential': (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
        0,
    ),
    'no-affine': (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False)
        ),
        0,
    ),
    'resnet': (lambda: resnet(stem_channels=8), 0),
    'deep-stem': (lambda: resnet(stem_channels=8, deep_stem=True), 0),
    'resnet50': (
        lambda: build(
            type='ResNet', depth=50, base_channels=8, stem_channels=8
        ),
        0,
    ),
    'mobilenet': (lambda: build(type='MobileNetV2', widen_factor=0.25), 0),
    'norm-first': (
        lambda: ConvModule(
            3, 3, 3, norm_cfg=dict(type='BN'), order=('norm', 'conv', 'act')
        ),
        1,
    ),
    'norm-of-others': (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), ReLUNorm(4)),
        1,
    ),
    'conv-of-others': (
        lambda: ConvModule(
            3, 8, 3, conv_cfg=dict(type='ConvWS'), norm_cfg=dict(type='BN')
        ),
        1,
    ),
    'group-norm': (
        lambda: ConvModule(3, 4, 3, norm_cfg=dict(type='GN', num_groups=2)),
        0,
    ),
    'shared-conv': (shared_conv, 2),
}


@pytest.mark.parametrize('make, left', FOLDED.values(), ids=FOLDED)
def test_gives_the_same(make, left):
    torch.manual_seed(0)
    model = make()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):  # an identity at first
            nn.init.uniform_(part.running_mean, -1, 1)
            nn.init.uniform_(part.running_var, 0.5, 2)
            if part.affine:
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.uniform_(part.bias, -1, 1)
    model.eval()
    folded = copy.deepcopy(model)
    fold_batch_norms(folded)
    norms = [x for x in folded.modules() if isinstance(x, nn.BatchNorm2d)]
    assert len(norms) == left
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        wanted, found = model(image), folded(image)
    if isinstance(wanted, torch.Tensor):
        wanted, found = [wanted], [found]
    for one, other in zip(wanted, found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_heads_whose_levels_share_a_convolution():
    """RTMDet's: a norm of its own for each level."""
    head = build(
        type='RTMDetSepBNHead',
        num_classes=2,
        in_channels=8,
        feat_channels=8,
        stacked_convs=1,
        share_conv=True,
        norm_cfg=dict(type='BN'),
        anchor_generator=dict(
            type='MlvlPointGenerator', offset=0, strides=[8, 16, 32]
        ),
        bbox_coder=dict(type='DistancePointBBoxCoder'),
        loss_bbox=dict(type='GIoULoss'),
    ).eval()
    for i, part in enumerate(x for x in head.modules() if hasattr(x, 'bn')):
        part.bn.running_var.fill_(1.0 + i)
    folded = copy.deepcopy(head)
    fold_batch_norms(folded)
    maps = [torch.randn(1, 8, x, x) for x in (8, 4, 2)]
    with torch.no_grad():
        for ones, others in zip(head(maps), folded(maps), strict=True):
            for one, other in zip(ones, others, strict=True):
                torch.testing.assert_close(one, other)
