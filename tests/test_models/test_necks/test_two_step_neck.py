"""Maps of two necks, one set behind the other."""

import pytest
import torch
from mmdet.registry import MODELS

from mmsrn.testing.models import load_model_cfg, random_batch
from mmsrn.utils import register_all_modules

SIZES = dict(in_channels=[4, 8], out_channels=6, num_outs=3)


def make(**kwargs):
    register_all_modules()
    return MODELS.build(
        dict(
            type='TwoStepNeck',
            first=dict(type='ChannelMapper', kernel_size=1, **SIZES),
            second=dict(type='PAFPN', **SIZES),
            **kwargs,
        )
    )


def test_two_necks():
    neck = make()
    feats = torch.randn(1, 4, 8, 8), torch.randn(1, 8, 4, 4)
    maps = neck(feats)
    assert [x.shape[1:] for x in maps] == 2 * [(6, 8, 8), (6, 4, 4), (6, 2, 2)]
    for found, expected in zip(
        maps, (*neck.first(feats), *neck.second(feats)), strict=True
    ):
        assert torch.equal(found, expected)


@pytest.mark.parametrize('training', [True, False])
def test_maps_that_no_selection_uses(training):
    neck = make(first_step_levels=(2,)).train(training)
    feats = torch.randn(1, 4, 8, 8), torch.randn(1, 8, 4, 4)
    maps = neck(feats)
    assert [x is None for x in maps[:3]] == [True, True, False]
    for found, expected in zip(maps[3:], neck.second(feats), strict=True):
        assert torch.equal(found, expected)
    if training:  # each weight has a gradient, if one of zero
        sum(x.sum() for x in maps[2:]).backward()
        unused = neck.first.convs[0]
        assert all(x.grad is not None for x in neck.parameters())
        assert not any(x.grad.any() for x in unused.parameters())


def test_no_first_step():
    neck = make(first_step_levels=())
    assert neck.first is None
    feats = torch.randn(1, 4, 8, 8), torch.randn(1, 8, 4, 4)
    assert len(neck(feats)) == 3


@pytest.mark.parametrize('stc', [(), (0,)])
@pytest.mark.parametrize('str_', [(), (3, 4)])
def test_neck_follows_the_head(root, stc, str_):
    """No weight stays without a gradient, for which processes would wait."""
    cfg = load_model_cfg(root / 'configs/mixing/srn_r50_pafpn_1x_coco.py')
    cfg.backbone.update(depth=18, base_channels=4, stem_channels=4)
    for part in (cfg.neck.first, cfg.neck.second):
        part.in_channels, part.out_channels = [8, 16, 32], 16
    cfg.bbox_head.update(
        in_channels=16,
        feat_channels=16,
        num_classes=1,
        stc_levels=stc,
        str_levels=str_,
    )
    model = MODELS.build(cfg)
    assert (model.neck.first is None) == (not stc and not str_)
    data = model.data_preprocessor(random_batch(1, (128, 128)), True)
    losses = model(**data, mode='loss')
    assert ('loss_cls_fs' in losses) == bool(stc)
    model.parse_losses(losses)[0].backward()
    for name, p in model.named_parameters():
        assert p.grad is not None or not p.requires_grad, name
