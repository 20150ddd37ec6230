"""Initial values of new layers, as in the published code."""

import math
from pathlib import Path

import torch
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import nn

from mmsrn.testing.models import load_model_cfg
from mmsrn.utils import register_all_modules

register_all_modules()
ROOT = Path(__file__).resolve().parents[3]


class Layers(BaseModule):
    """Layers of each kind, all values 7."""

    def __init__(self, init_cfg):
        super().__init__(init_cfg)
        self.conv = nn.Conv2d(64, 400, 3, groups=2)
        self.strip = nn.Conv2d(16, 400, (1, 5))
        self.linear = nn.Linear(10, 20)
        self.norm = nn.GroupNorm(2, 400)
        self.head = nn.Conv2d(400, 4, 1)
        for values in self.parameters():
            nn.init.constant_(values, 7)


def build(**cfg):
    torch.manual_seed(0)
    module = Layers(dict(type='SRNNormalInit', layer='Conv2d', **cfg))
    module.init_weights()
    return module


def test_weights_are_normal_and_biases_uniform():
    module = build(std=0.01)
    for conv, inputs in ((module.conv, 32 * 9), (module.strip, 16 * 5)):
        assert abs(conv.weight.std() - 0.01) < 5e-4
        assert abs(conv.weight.mean()) < 5e-4
        bound = 1 / math.sqrt(inputs)
        assert conv.bias.abs().max() <= bound
        # standard deviation of a uniform distribution
        assert abs(conv.bias.std() / bound - 1 / math.sqrt(3)) < 0.05


def test_biases_are_those_of_torch():
    bias = build(std=0.01).strip.bias
    fresh = nn.Conv2d(16, 4000, (1, 5)).bias
    assert abs(bias.abs().max() - fresh.abs().max()) < 0.005


def test_other_layers_stay():
    module = build(std=0.01)
    for layer in (module.linear, module.norm):
        assert (layer.weight == 7).all() and (layer.bias == 7).all()


def test_a_bias_can_be_given():
    override = dict(type='SRNNormalInit', name='head', std=0.1, bias_prob=0.01)
    module = build(std=0.01, override=override)
    assert (module.head.bias + math.log(99)).abs().max() < 1e-6
    assert module.conv.bias.unique().numel() > 1
    assert (build(std=0.01, bias=0.5).conv.bias == 0.5).all()


def test_an_override_without_bias():
    override = dict(type='SRNNormalInit', name='head', std=0.1)
    bias = build(std=0.01, override=override).head.bias
    assert 0 < bias.abs().max() <= 1 / math.sqrt(400)


def test_new_layers_of_the_paper_config():
    model = load_model_cfg(ROOT / 'configs/_base_/models/srn_r50_fpn.py')
    for part in ('neck', 'bbox_head'):
        layers = MODELS.build(model[part])
        layers.init_weights()
        for name, conv in layers.named_modules():
            if not isinstance(conv, nn.Conv2d):
                continue
            if conv.weight.numel() > 2000:
                assert abs(conv.weight.std() / 0.01 - 1) < 0.1, name
            if name == 'conv_cls':
                assert (conv.bias + math.log(99)).abs().max() < 1e-6
            else:
                bound = conv.weight[0].numel() ** -0.5
                assert 0 < conv.bias.abs().max() <= bound, name
                if len(conv.bias) > 50:
                    assert conv.bias.abs().max() > 0.8 * bound, name
