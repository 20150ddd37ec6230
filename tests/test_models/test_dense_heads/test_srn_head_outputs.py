"""The two-step head: its layers and their outputs."""

import pytest
import torch

from tests.test_models.test_dense_heads.srn_head_cases import (
    SIZES,
    STEPS,
    STRIDES,
    ground_truth,
    make,
    maps,
    step,
)


def test_forward_of_two_sets():
    head, x = make(), maps()
    cls_fs, bbox_fs, cls_ss, bbox_ss = head(x)
    assert [v is not None for v in cls_fs] == [True, True, False]
    assert [v is not None for v in bbox_fs] == [False, False, True]
    torch.testing.assert_close(cls_fs[1], head.forward_cls(x[1]))
    torch.testing.assert_close(bbox_fs[2], head.forward_reg(x[2]))
    for i, size in enumerate(SIZES):
        assert cls_ss[i].shape == (2, 2, *size)
        assert bbox_ss[i].shape == (2, 8, *size)
        torch.testing.assert_close(cls_ss[i], head.forward_cls(x[3 + i]))


def test_forward_of_one_set():
    """As after a plain FPN: both steps see the same maps."""
    cls_fs, bbox_fs, cls_ss, bbox_ss = make()(maps(1))
    assert cls_fs[0] is cls_ss[0] and bbox_fs[2] is bbox_ss[2]


@pytest.mark.parametrize('num_sets', [1, 2])
def test_predictor_of_moved_anchors(num_sets):
    head = make(refine_predictor=True)
    x = maps(num_sets)
    _, bbox_fs, _, bbox_ss = head(x)
    for i, second in enumerate(x[-3:]):
        predictor = head.conv_refine if i == 2 else head.conv_reg
        deltas = predictor(head.reg_convs(second))
        torch.testing.assert_close(bbox_ss[i], deltas)
    deltas = head.conv_reg(head.reg_convs(x[2]))
    torch.testing.assert_close(bbox_fs[2], deltas)
    assert not hasattr(make(), 'conv_refine')
    without = make(refine_predictor=True, str_levels=())
    assert not hasattr(without, 'conv_refine')


@pytest.mark.parametrize('num_sets', [1, 2])
@pytest.mark.parametrize('levels', [((0, 1), (2,)), ((0,), ()), ((), (1, 2))])
def test_separate_steps(num_sets, levels):
    """The first step's own layers give its outputs, and get a gradient."""
    stc, strs = levels
    head = make(separate_steps=True, stc_levels=stc, str_levels=strs)
    head.init_weights()
    x = maps(num_sets)
    outputs = cls_fs, bbox_fs, cls_ss, bbox_ss = head(x)
    for i, second in enumerate(x[-3:]):
        if i in stc:
            logits = head.conv_cls_fs(head.cls_convs_fs(x[i]))
            torch.testing.assert_close(cls_fs[i], logits)
        if i in strs:
            deltas = head.conv_reg_fs(head.reg_convs_fs(x[i]))
            torch.testing.assert_close(bbox_fs[i], deltas)
        logits = head.conv_cls(head.cls_convs(second))
        torch.testing.assert_close(cls_ss[i], logits)
        deltas = head.conv_reg(head.reg_convs(second))
        torch.testing.assert_close(bbox_ss[i], deltas)
    assert hasattr(head, 'cls_convs_fs') == bool(stc)
    assert hasattr(head, 'reg_convs_fs') == bool(strs)

    gts, metas = ground_truth()
    losses = head.loss_by_feat(*outputs, gts, metas)
    sum(v for k, v in losses.items() if k.startswith('loss')).backward()
    for name, value in head.named_parameters():
        assert value.grad is not None, name
    shared = {name for name, _ in make().named_parameters()}
    own = {name for name, _ in head.named_parameters()} - shared
    assert all('_fs.' in name for name in own)


def test_wrong_number_of_maps():
    with pytest.raises(ValueError, match='3 maps.* or 6 .*put out 4'):
        make()(maps()[:4])


def test_map_that_is_needed_is_missing():
    x = list(maps())
    x[1] = None
    with pytest.raises(ValueError, match=r'maps \[1\]'):
        make()(x)
    x[1], x[4 - 2] = x[0], x[2]
    make(str_levels=())(x[:2] + [None] + x[3:])  # not needed: fine


@pytest.mark.parametrize('rfe, convs', [(dict(type='RFE'), 2), (None, 4)])
def test_rfe_takes_the_place_of_the_middle_two(rfe, convs):
    head = make(rfe=rfe)
    names = [type(m).__name__ for m in head.cls_convs]
    assert names.count('ConvModule') == convs
    if rfe:
        assert names == ['ConvModule', 'RFE', 'ConvModule']


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(stc_levels=(3,)), r'stc_levels=\(3,\).*0\.\.2'),
        (dict(str_levels=(-1,)), 'str_levels'),
        (dict(stc_levels=0), r'stc_levels=0 must be a tuple.* \(\) switches'),
        (dict(str_levels='(2,)'), r"str_levels='\(2,\)' must be a tuple"),
        (dict(stacked_convs=1), 'stacked_convs=1'),
        (
            dict(
                num_classes=2,
                bbox_coder=dict(type='SRNBBoxCoder', clip_border=False),
            ),
            'num_classes=2 set clip_border=True',
        ),
        (dict(train_cfg=dict(first_step=step(0.7, 0.3))), 'second_step'),
        (dict(train_cfg=dict(STEPS, third_step={})), "'third_step'"),
        (dict(train_cfg=dict(STEPS, pos_weight=3)), "'pos_weight'"),
        (dict(loss_stc=dict(type='STCLoss', theta=0.5)), "set 'theta' of"),
        (dict(loss_stc=dict(type='STCLoss', levels=())), "set 'stc_levels'"),
        (dict(loss_stc=dict(type='STCLoss', loss_cls={})), "set 'loss_cls'"),
        (dict(loss_str=dict(type='STRLoss', levels=(1,))), "set 'str_levels'"),
        (dict(loss_str=dict(type='STRLoss', loss_bbox={})), "set 'loss_bbox'"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(**kwargs)


@pytest.mark.parametrize(
    'kwargs',
    [
        dict(num_classes=5),
        dict(
            num_classes=3,
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False),
        ),
        dict(loss_bbox=dict(type='GIoULoss'), reg_decoded_bbox=True),
        dict(norm_cfg=dict(type='GN', num_groups=2)),
        dict(
            anchor_generator=dict(
                type='AnchorGenerator',
                strides=STRIDES,
                ratios=[0.5, 1.0, 2.0],
                scales=[4.0],
            )
        ),
    ],
)
def test_variants(kwargs):
    head = make(**kwargs)
    gts, metas = ground_truth()
    outs = head(maps())
    losses = head.loss_by_feat(*outs, gts, metas)
    total = sum(v for k, v in losses.items() if 'loss' in k)
    total.backward()
    assert all(p.grad.isfinite().all() for p in head.parameters())
    meta = [dict(x, scale_factor=(1.0, 1.0)) for x in metas]
    with torch.no_grad():
        results = head.predict_by_feat(*outs, meta)
    assert all(len(r) <= 50 for r in results)
