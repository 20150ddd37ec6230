"""Maps of two necks, one set behind the other."""

import torch
from mmdet.registry import MODELS

from mmsrn.utils import register_all_modules


def test_two_necks():
    register_all_modules()
    sizes = dict(in_channels=[4, 8], out_channels=6, num_outs=3)
    neck = MODELS.build(
        dict(
            type='TwoStepNeck',
            first=dict(type='ChannelMapper', kernel_size=1, **sizes),
            second=dict(type='PAFPN', **sizes),
        )
    )
    feats = torch.randn(1, 4, 8, 8), torch.randn(1, 8, 4, 4)
    maps = neck(feats)
    assert [x.shape[1:] for x in maps] == 2 * [(6, 8, 8), (6, 4, 4), (6, 2, 2)]
    for found, expected in zip(
        maps, (*neck.first(feats), *neck.second(feats)), strict=True
    ):
        assert torch.equal(found, expected)
