import copy

import pytest
import torch
from mmdet.registry import MODELS

from mmsrn.models.utils import drop_dead_channels
from mmsrn.models.utils.dead_channels import last_convs


def small_head(**changes):
    torch.manual_seed(0)
    head = MODELS.build(
        dict(
            type='SRNHead',
            num_classes=1,
            in_channels=8,
            feat_channels=8,
            stacked_convs=1,
            rfe=None,
            stc_levels=(0,),
            str_levels=(1,),
            anchor_generator=dict(
                type='AnchorGenerator',
                scales=[2],
                ratios=[1.0],
                strides=[4, 8],
            ),
            **changes,
        )
    ).eval()
    for x in head.parameters():
        torch.nn.init.normal_(x)
    return head


def kill(head, channels):
    for layer, _ in last_convs(head):
        layer.conv.weight.data[channels] = 0
        layer.conv.bias.data[channels] = -1


def outputs(head):
    rng = torch.Generator().manual_seed(1)
    sizes = [(6, 7), (3, 4)] * 2
    maps = [torch.randn(2, 8, *x, generator=rng) for x in sizes]
    with torch.no_grad():
        return [x for step in head(tuple(maps)) for x in step if x is not None]


@pytest.mark.parametrize(
    ('changes', 'subnets'),
    [
        ({}, 2),
        (dict(refine_predictor=True), 2),
        (dict(separate_steps=True), 4),
    ],
    ids=str,
)
def test_dead_channels_go_and_results_stay(changes, subnets):
    head = small_head(**changes)
    kill(head, [0, 3, 7])
    slim = copy.deepcopy(head)
    drop_dead_channels(slim)
    convs = last_convs(slim)
    assert len(convs) == subnets
    for layer, predictors in convs:
        assert layer.conv.weight.shape == (5, 8, 3, 3)
        assert layer.conv.out_channels == layer.out_channels == 5
        assert all(x.in_channels == 5 for x in predictors)
    all_predictors = [x for x in head.children() if hasattr(x, 'kernel_size')]
    assert sum(len(x) for _, x in convs) == len(all_predictors)
    for one, other in zip(outputs(head), outputs(slim), strict=True):
        torch.testing.assert_close(one, other)


def test_channels_that_put_something_out_stay():
    head = small_head()
    kill(head, [0, 3, 7])
    head.cls_convs[-1].conv.bias.data[3] = 2  # a constant
    want = outputs(head)
    drop_dead_channels(head)
    assert head.cls_convs[-1].conv.out_channels == 6
    assert head.reg_convs[-1].conv.out_channels == 5
    for one, other in zip(want, outputs(head), strict=True):
        torch.testing.assert_close(one, other)


def test_a_subnet_keeps_its_channels_if_all_are_dead():
    head = small_head()
    kill(head, list(range(8)))
    drop_dead_channels(head)
    assert head.conv_cls.in_channels == 8


def test_norms_mix_or_shift_channels():
    head = small_head(norm_cfg=dict(type='GN', num_groups=2))
    assert last_convs(head) == []


def test_detectors_prepared_for_inference_have_none(root):
    from mmsrn.models import prepare_for_inference
    from mmsrn.testing.models import load_model_cfg

    name = 'configs/_base_/models/srn_mobilenetv2_fpn.py'
    model = MODELS.build(load_model_cfg(root / name))
    kill(model.bbox_head, list(range(10, 64)))
    fast = prepare_for_inference(model)
    assert fast.bbox_head.conv_reg.in_channels == 10
    assert model.bbox_head.conv_reg.in_channels == 64
