"""The margin against sums by hand, and who tells the sizes."""

import math

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.structures import InstanceData

from mmsrn.models.losses import ScaleAwareMarginLoss
from mmsrn.utils import register_all_modules

register_all_modules()
SML = dict(
    type='ScaleAwareMarginLoss',
    use_sigmoid=True,
    margin=0.8,
    base_size=16.0,
    power=0.5,
)


def focal(logit, positive):
    p = 1 / (1 + math.exp(-logit))
    if positive:
        return -0.25 * (1 - p) ** 2 * math.log(p)
    return -0.75 * p**2 * math.log(1 - p)


def margin(size):
    return 0.8 if size <= 16 else 0.8 * (16 / size) ** 0.5


def test_margins():
    """0.8 up to 16 pixels, a half of it at four times that."""
    loss = MODELS.build(SML)
    sizes = torch.tensor([1.0, 16.0, 64.0, 256.0])
    assert loss.margins(sizes).tolist() == pytest.approx([0.8, 0.8, 0.4, 0.2])


def test_equation():
    """Of three classes; only that of a positive is shifted."""
    logits = torch.tensor(
        [[0.5, -1.0, 2.0], [1.0, 0.0, -3.0], [0.2, 0.3, -0.4]]
    )
    labels, sizes = [2, 3, 0], [64.0, 0.0, 8.0]
    found = MODELS.build(SML)(
        logits,
        (torch.tensor(labels), torch.tensor(sizes)),
        torch.tensor([1.0, 2.0, 0.5]),
        avg_factor=2,
    )
    total = 0
    for row, label, size, weight in zip(
        logits.tolist(), labels, sizes, [1, 2, 0.5]
    ):
        for i, logit in enumerate(row):
            shift = margin(size) if i == label else 0
            total += weight * focal(logit - shift, i == label)
    assert found.item() == pytest.approx(total / 2, rel=1e-5)


def test_a_margin_of_zero_is_the_focal_loss():
    logits = torch.linspace(-4, 3, 8).reshape(4, 2)
    labels = torch.tensor([0, 1, 2, 2])
    ours = ScaleAwareMarginLoss(margin=0)(logits, (labels, torch.ones(4)))
    assert ours == MODELS.build(dict(type='FocalLoss'))(logits, labels)


def test_small_faces_are_pulled_harder():
    logits = torch.zeros(2, 1, requires_grad=True)
    labels, sizes = torch.tensor([0, 0]), torch.tensor([10.0, 200.0])
    MODELS.build(SML)(logits, (labels, sizes)).backward()
    small, large = logits.grad[:, 0].abs()
    assert small > large > 0


def test_stc_tells_the_sizes(stc):
    """To both steps; sums over the positives of each, term by term."""
    loss = stc(SML, levels=(0,), theta=0.5)
    in_levels = torch.tensor([True, True, True, False])
    first = torch.tensor([[[1.0], [-1.0], [2.0]]])
    second = torch.tensor([[[0.5], [0.3], [-0.6], [0.1]]])
    labels1 = torch.tensor([[0, 1, -1, 0]])
    labels2 = torch.tensor([[1, 1, 0, 0]])
    losses, selected = loss(
        first,
        labels1,
        first.sigmoid(),
        second,
        labels2,
        in_levels,
        1,
        torch.tensor([[20.0, 0.0, 0.0, 90.0]]),
        torch.tensor([[0.0, 0.0, 8.0, 100.0]]),
    )
    assert selected.tolist() == [[True, False, True, True]]
    assert losses['loss_cls_fs'].item() == pytest.approx(
        focal(1 - margin(20), True) + focal(-1, False), rel=1e-5
    )
    total = (
        focal(0.5, False)
        + focal(-0.6 - margin(8), True)
        + focal(0.1 - margin(100), True)
    )
    assert losses['loss_cls_ss'].item() == pytest.approx(total / 2, rel=1e-5)


def test_stc_tells_no_other_loss(stc):
    args = (
        torch.zeros(1, 2, 1),
        torch.tensor([[0, 1]]),
        torch.full((1, 2, 1), 0.5),
        torch.zeros(1, 2, 1),
        torch.tensor([[0, 1]]),
        torch.tensor([True, True]),
        1,
    )
    loss = stc(dict(type='FocalLoss'), levels=(0,))
    sizes = torch.tensor([[9.0, 0.0]])
    assert loss(*args)[0] == loss(*args, sizes, sizes)[0]


@pytest.mark.parametrize('default_size', [None, 64.0])
def test_in_a_head_of_mmdet(default_size):
    """It tells labels alone."""
    head = MODELS.build(
        dict(
            type='RetinaHead',
            num_classes=1,
            in_channels=4,
            feat_channels=4,
            stacked_convs=1,
            anchor_generator=dict(
                type='AnchorGenerator',
                scales=[4],
                ratios=[1.0],
                strides=[8],
            ),
            loss_cls=dict(SML, default_size=default_size),
            train_cfg=dict(
                assigner=dict(
                    type='MaxIoUAssigner',
                    pos_iou_thr=0.5,
                    neg_iou_thr=0.4,
                    min_pos_iou=0,
                ),
                allowed_border=-1,
                pos_weight=-1,
            ),
        )
    )
    torch.manual_seed(0)
    logits = [torch.randn(1, 1, 4, 4)]
    deltas = [torch.zeros(1, 4, 4, 4)]
    face = InstanceData(
        bboxes=torch.tensor([[0.0, 0.0, 24.0, 24.0]]),
        labels=torch.zeros(1, dtype=torch.long),
    )
    metas = [dict(img_shape=(32, 32), pad_shape=(32, 32))]
    if default_size is None:
        with pytest.raises(ValueError, match='set default_size'):
            head.loss_by_feat(logits, deltas, [face], metas)
        return
    found = head.loss_by_feat(logits, deltas, [face], metas)['loss_cls']
    targets = head.get_targets(
        *head.get_anchors([(4, 4)], metas, 'cpu'), [face], metas
    )
    labels, weights = (x[0][0].tolist() for x in targets[:2])
    positives = labels.count(0)
    assert positives > 0
    shifts = [margin(64) if x == 0 else 0 for x in labels]
    total = sum(
        w * focal(x - shift, label == 0)
        for x, shift, label, w in zip(
            logits[0].flatten().tolist(), shifts, labels, weights
        )
    )
    assert found[0].item() == pytest.approx(total / positives, rel=1e-4)


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(margin=-0.1), 'margin=-0.1 must be at least 0'),
        (dict(power=-1), 'power=-1 must be at least 0'),
        (dict(base_size=0), 'base_size=0 must be more than 0'),
        (dict(default_size=0), 'default_size=0 must be more than 0'),
        (dict(activated=True), 'leave activated=False'),
    ],
)
def test_bad_settings(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ScaleAwareMarginLoss(**kwargs)
