"""STR against the paper's sums."""

import math

import pytest
import torch

from mmsrn.models.two_step import BoxSamples, STRLoss
from mmsrn.utils import register_all_modules

register_all_modules()
SMOOTH_L1 = dict(type='SmoothL1Loss', beta=0.5)


def smooth_l1(x):
    x = abs(x)
    return 0.5 * x * x / 0.5 if x < 0.5 else x - 0.25


def samples(errors, images, counts, requires_grad=False):
    """Positives with one wrong coordinate each."""
    preds = torch.zeros(len(errors), 4)
    preds[:, 0] = torch.tensor(errors)
    counted = torch.zeros(len(counts), 9, dtype=torch.bool)
    for i, count in enumerate(counts):
        counted[i, :count] = True
    return BoxSamples(
        preds.requires_grad_(requires_grad),
        torch.zeros(len(errors), 4),
        torch.tensor(images, dtype=torch.long),
        counted,
    )


def test_equation():
    loss = STRLoss(SMOOTH_L1, first_step_weight=2.0)
    out = loss(
        samples([0.1, -2.0], [0, 1], [1, 1]),
        samples([0.3, 1.0, 0.0], [0, 0, 1], [2, 3]),
    )
    first = 2 * (smooth_l1(0.1) + smooth_l1(2)) / 2
    second = (smooth_l1(0.3) + smooth_l1(1)) / 5
    assert out['loss_bbox_fs'].item() == pytest.approx(first)
    assert out['loss_bbox_ss'].item() == pytest.approx(second)


def test_switched_off():
    out = STRLoss(SMOOTH_L1)(None, samples([1.0], [0], [1]))
    assert list(out) == ['loss_bbox_ss']


def test_no_positives():
    none = samples([], [], [0, 0], requires_grad=True)
    out = STRLoss(SMOOTH_L1)(none, none)
    sum(out.values()).backward()
    assert out['loss_bbox_fs'] == out['loss_bbox_ss'] == 0
    assert none.preds.grad is not None


def test_per_image_normaliser():
    out = STRLoss(SMOOTH_L1, per_image=True)(
        None, samples([1.0, 1.0, 1.0], [0, 0, 1], [2, 1])
    )
    one = smooth_l1(1.0)
    assert out['loss_bbox_ss'].item() == pytest.approx((one + one) / 2)


def test_iou_loss_on_boxes():
    loss = STRLoss(dict(type='GIoULoss'))
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    counted = torch.ones(1, 1, dtype=torch.bool)
    inds = torch.zeros(1, dtype=torch.long)
    perfect = loss(None, BoxSamples(boxes, boxes, inds, counted))
    assert perfect['loss_bbox_ss'].item() == pytest.approx(0, abs=1e-5)
    half = loss(None, BoxSamples(boxes / 2, boxes, inds, counted))
    assert half['loss_bbox_ss'].item() == pytest.approx(0.75, abs=1e-5)


def test_another_loss_in_the_second_step():
    """Smooth L1 of deltas, then -ln of an IoU of 1/4 and one of 1/2."""
    loss = STRLoss(SMOOTH_L1, loss_bbox_ss=dict(type='IoULoss'))
    assert loss.decodes_second and not STRLoss(SMOOTH_L1).decodes_second
    face = torch.tensor([[0.0, 0.0, 8.0, 8.0]])
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 8.0, 4.0]])
    counted = torch.ones(1, 2, dtype=torch.bool)
    second = BoxSamples(
        boxes, face.expand(2, -1), torch.zeros(2).long(), counted
    )
    out = loss(samples([0.3], [0], [1]), second)
    assert out['loss_bbox_fs'].item() == pytest.approx(smooth_l1(0.3))
    total = -math.log(1 / 4) - math.log(1 / 2)
    assert out['loss_bbox_ss'].item() == pytest.approx(total / 2, rel=1e-5)


@pytest.mark.parametrize(
    'kind',
    ['SmoothL1Loss', 'L1Loss', 'BalancedL1Loss', 'MSELoss'],
)
def test_loss_of_deltas_gets_no_boxes(kind):
    with pytest.raises(ValueError, match=f'loss_bbox_ss={kind} is .* IoULoss'):
        STRLoss(SMOOTH_L1, loss_bbox_ss=dict(type=kind))


@pytest.mark.parametrize(
    'kind',
    [
        *('IoULoss', 'BoundedIoULoss', 'GIoULoss', 'DIoULoss', 'CIoULoss'),
        *('EIoULoss', 'SIoULoss'),
    ],
)
def test_losses_of_boxes_fit_the_second_step(kind):
    assert STRLoss(SMOOTH_L1, loss_bbox_ss=dict(type=kind)).decodes_second


@pytest.mark.parametrize(
    'losses',
    [
        dict(loss_bbox=dict(type='GHMR')),
        dict(loss_bbox=SMOOTH_L1, loss_bbox_ss=dict(type='GHMR')),
    ],
)
def test_a_loss_with_weights_of_its_own(losses):
    with pytest.raises(ValueError, match='=GHMR ignores the weights'):
        STRLoss(**losses)


def test_a_loss_without_a_divisor():
    for kind in ('loss_bbox', 'loss_bbox_ss'):
        losses = dict(loss_bbox=SMOOTH_L1)
        losses[kind] = dict(type='IoULoss', reduction='none')
        with pytest.raises(ValueError, match=f'{kind}=IoULoss has reduct'):
            STRLoss(**losses)
