"""Regions come from the second-step maps."""

import torch
from mmdet.registry import MODELS

from mmsrn.utils import register_all_modules


def test_first_step_maps_are_passed_over():
    register_all_modules()
    cfg = dict(
        roi_layer=dict(type='RoIAlign', output_size=2, sampling_ratio=1),
        out_channels=3,
        featmap_strides=[4, 8],
    )
    ours = MODELS.build(
        dict(type='SecondStepRoIExtractor', num_first=3, **cfg)
    )
    plain = MODELS.build(dict(type='SingleRoIExtractor', **cfg))
    second = torch.randn(1, 3, 64, 64), torch.randn(1, 3, 32, 32)
    maps = (None, None, torch.randn(1, 3, 16, 16), *second)
    rest = (torch.randn(1, 3, 16, 16),)
    # Regions of both maps: by the side, 112 and more go to the coarser.
    rois = torch.tensor([[0, 8, 8, 40, 40], [0, 0, 0, 200, 220]]).float()
    assert ours.num_inputs == 5
    found = ours((maps + rest)[: ours.num_inputs], rois)
    assert torch.equal(found, plain(second, rois))
