"""Configs in files of weights: what real models need, and no more.

What is refused is in tests/test_tools/test_hostile_files.py.
"""

import json

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmsrn.utils import register_all_modules
from mmsrn.utils.model_config import (
    bounded_modules,
    check_model_config,
    without_pretrained,
)

CONFIGS = [
    'ablation/baseline_r50_fpn_8xb4-130e_widerface.py',
    'enhancers/zero-dce_1xb8-300i_dark-images.py',
    'mixing/faster-rcnn_r50_fpn_srn-rpn_1x_coco.py',
    'mixing/srn_pvtv2-b0_fpn_1x_coco.py',
    'mixing/srn_r50_fpg_1x_coco.py',
    'refineface/refineface_r50_fpn_8xb4-130e_widerface.py',
    'srn/srn_r50_fpn_8xb4-130e_widerface.py',
    'srn/srn-giou_mobilenetv2_fpn_amp-1xb4-640i_people.py',
]


@pytest.mark.parametrize('config', CONFIGS)
def test_real_models(config, root):
    register_all_modules()
    model = Config.fromfile(root / 'configs' / config).model.to_dict()
    check_model_config(json.loads(json.dumps(without_pretrained(model))))


def test_weights_to_begin_with_are_left_out():
    init = dict(type='Pretrained', checkpoint='torchvision://resnet50')
    config = dict(
        backbone=dict(init_cfg=init, depth=50),
        necks=[dict(pretrained='a.pth'), dict(init_cfg=dict(type='Normal'))],
    )
    before = json.dumps(config)
    assert without_pretrained(config) == dict(
        backbone=dict(init_cfg=None, depth=50),
        necks=[dict(pretrained=None), dict(init_cfg=dict(type='Normal'))],
    )
    assert json.dumps(config) == before


def test_size_of_a_model():
    weights = nn.Linear(1000, 1000).state_dict()
    with bounded_modules(weights):
        nn.Sequential(nn.Linear(1000, 1000), nn.ReLU())
    with pytest.raises(ValueError, match='to a larger model'):
        with bounded_modules(weights):
            nn.Linear(10_000, 2_000)
    with pytest.raises(ValueError, match='to a larger model'):
        with bounded_modules(weights):
            nn.ModuleList(nn.ReLU() for _ in range(3000))
    nn.Linear(10_000, 2_000)  # the limit has gone
    with bounded_modules({'a': torch.zeros(1)}):
        nn.Linear(3, 3)
