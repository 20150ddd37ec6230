"""The two-step head: what a training step computes and where gradients go."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.test_models.test_dense_heads.srn_head_cases import (
    SIZES,
    ground_truth,
    make,
    maps,
    random_outputs,
)


def test_gradients_stop():
    head = make()
    outputs = random_outputs(head)
    gts, metas = ground_truth()
    losses = head.loss_by_feat(*outputs, gts, metas)
    (losses['loss_cls_ss'] + losses['loss_bbox_ss']).backward()
    cls_fs, bbox_fs, cls_ss, bbox_ss = outputs
    assert all(x is None or x.grad is None for x in cls_fs + bbox_fs)
    assert all(x.grad is not None for x in cls_ss + bbox_ss)


@pytest.mark.parametrize(
    'stc, str_', [((0, 1), (2,)), ((0,), (1, 2)), ((), ()), ((0, 1, 2), ())]
)
def test_training_computes_what_losses_read(stc, str_):
    """No map of logits or deltas that no loss reads, no layer run twice."""
    head = make(stc_levels=stc, str_levels=str_)
    with FlopCounterMode(display=False) as counter:
        outputs = head(maps())
    cells = [2 * h * w for h, w in SIZES]
    # Two 3x3 convolutions and RFE: 1x1, strips of 2 channels, 1x1 in four
    # groups, 1x1.
    subnet = 2 * 8 * 8 * 9 + 8 * 8 + 2 * 2 * (5 + 5 + 3 + 3) + 8 * 2 + 8 * 8
    logits, deltas = subnet + 8 * 2, subnet + 8 * 8
    work = (logits + deltas) * sum(cells)
    work += logits * sum(cells[i] for i in stc)
    work += deltas * sum(cells[i] for i in str_)
    assert counter.get_total_flops() == 2 * work

    given = [x for step in outputs for x in step if x is not None]
    gts, metas = ground_truth()
    total = sum(
        x
        for key, x in head.loss_by_feat(*outputs, gts, metas).items()
        if key.startswith('loss')
    )
    torch.autograd.grad(total, given)  # raises where one is not used


def test_gradient_through_moved_anchors_by_option():
    head = make(detach_anchors=False)
    outputs = random_outputs(head)
    # A large face, so that the level of STR has positives.
    gts, metas = ground_truth()
    for gt in gts:
        gt.bboxes[0] = torch.tensor([20.0, 10.0, 50.0, 50.0])
    losses = head.loss_by_feat(*outputs, gts, metas)
    losses['loss_bbox_ss'].backward()
    assert outputs[1][2].grad.abs().sum() > 0


def test_empty_ground_truth():
    head = make()
    x = tuple(m.requires_grad_() for m in maps())
    gts, metas = ground_truth(num=0)
    losses = head.loss_by_feat(*head(x), gts, metas)
    assert losses['loss_cls_fs'] > 0 and losses['loss_cls_ss'] > 0
    assert losses['loss_bbox_fs'] == losses['loss_bbox_ss'] == 0
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    for name, p in head.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all(), name


def test_one_face():
    head = make()
    gts, metas = ground_truth(num=1)
    losses = head.loss_by_feat(*head(maps()), gts, metas)
    assert losses['loss_cls_ss'] > 0 and losses['loss_bbox_ss'] > 0


def test_mixed_precision():
    """bfloat16 maps, losses and targets in float32."""
    head, x = make(), maps()
    gts, metas = ground_truth()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        outs = head(x)
        losses = head.loss_by_feat(*outs, gts, metas)
    assert outs[2][0].dtype == torch.bfloat16
    exact = head.loss_by_feat(*head(x), gts, metas)
    for key in ('loss_cls_ss', 'loss_bbox_ss'):
        assert losses[key].dtype == torch.float32
        assert losses[key].item() == pytest.approx(exact[key].item(), rel=0.1)


def test_losses_are_those_of_mmdet():
    """For tools that look at a head; what selects is beside them."""
    head = make()
    assert type(head.loss_cls).__name__ == 'FocalLoss'
    assert head.loss_cls.use_sigmoid
    assert type(head.loss_bbox).__name__ == 'SmoothL1Loss'
    assert head.loss_stc.loss_cls is head.loss_cls
    assert head.loss_str.loss_bbox is head.loss_bbox
    gts, metas = ground_truth()
    outputs = random_outputs(head)
    before = head.loss_by_feat(*outputs, gts, metas)
    head.loss_cls.loss_weight = head.loss_bbox.loss_weight = 2.0
    head.gate.theta = 0.5  # the head owns it
    after = head.loss_by_feat(*outputs, gts, metas)
    for name in ('loss_cls_fs', 'loss_bbox_fs', 'loss_bbox_ss'):
        torch.testing.assert_close(after[name], 2 * before[name])
    assert after['stc_removed'] > before['stc_removed']


def test_targets_of_mmdet():
    with pytest.raises(NotImplementedError, match='SRNHead: .*assign'):
        make().get_targets([], [], [], [])


def test_training_without_train_cfg():
    head = make(train_cfg=None)
    gts, metas = ground_truth()
    with pytest.raises(ValueError, match="train_cfg .*'second_step'"):
        head.loss_by_feat(*random_outputs(head), gts, metas)
