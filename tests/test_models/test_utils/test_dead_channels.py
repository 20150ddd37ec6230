import copy

import pytest
import torch
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS

from mmsrn.models import prepare_for_inference
from mmsrn.models.utils import drop_dead_channels
from mmsrn.models.utils.dead_channels import last_layers
from mmsrn.testing.detections import assert_same_boxes
from mmsrn.testing.models import (
    load_model_cfg,
    random_batch,
    scatter_weights,
)


def small_head(**changes):
    torch.manual_seed(0)
    head = MODELS.build(
        dict(
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
                    scales=[2, 3],
                    ratios=[1.0],
                    strides=[4, 8],
                ),
            ),
            **changes,
        )
    ).eval()
    for x in head.parameters():
        torch.nn.init.normal_(x)
    return head


def kill(head, channels):
    for layer, _ in last_layers(head):
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
    convs = last_layers(slim)
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


@pytest.mark.parametrize(
    'changes',
    [
        dict(norm_cfg=dict(type='GN', num_groups=2)),
        dict(stacked_convs=2, rfe=dict(type='RFE')),  # RFE alone
        dict(stacked_convs=0),
    ],
    ids=str,
)
def test_other_last_layers_are_not_for_pruning(changes):
    assert last_layers(small_head(**changes)) == []


@pytest.mark.parametrize('act', [None, dict(type='LeakyReLU')], ids=str)
def test_neither_are_other_activations(act):
    head = small_head()
    head.cls_convs[-1] = ConvModule(8, 8, 3, padding=1, act_cfg=act)
    ((layer, _),) = last_layers(head)
    assert layer is head.reg_convs[-1]


@pytest.mark.parametrize('inference', ['dense', 'selective', 'auto'])
def test_detectors_prepared_for_inference_have_none(root, inference):
    name = 'configs/_base_/models/srn_mobilenetv2_fpn.py'
    torch.manual_seed(0)
    model = scatter_weights(MODELS.build(load_model_cfg(root / name)))
    head = model.bbox_head
    torch.nn.init.normal_(head.conv_cls.weight, std=0.3)
    torch.nn.init.constant_(head.conv_cls.bias, -2.0)
    kill(head, list(range(48, 64)))
    fast = prepare_for_inference(model, inference)
    assert fast.bbox_head.conv_reg.in_channels == 48
    assert head.conv_reg.in_channels == 64
    data = model.data_preprocessor(random_batch(1, size=(64, 96)))
    with torch.no_grad():
        wanted, found = (
            [x.pred_instances for x in each.predict(**rename(data))]
            for each in (model, fast)
        )
    assert len(found[0]) > 0 and found[0].scores.std() > 0.005
    assert_same_boxes(found, wanted, score=1e-4)


def rename(data):
    return dict(
        batch_inputs=data['inputs'], batch_data_samples=data['data_samples']
    )
