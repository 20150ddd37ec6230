"""Overlaps of predicted boxes, and scores of SRNHead that learn them."""

import math

import pytest
import torch
from mmdet.registry import MODELS, TASK_UTILS
from mmengine.config import ConfigDict

from mmsrn.models.two_step import StepTargets, box_quality
from mmsrn.testing.models import random_faces
from mmsrn.utils import register_all_modules

register_all_modules()
SIZE = (64, 96)
SIZES = [(16, 24), (8, 12), (4, 6)]
STEP = dict(
    assigner=dict(
        type='MaxIoUAssigner',
        pos_iou_thr=0.5,
        neg_iou_thr=0.4,
        min_pos_iou=0.3,
    )
)
LOSSES = dict(
    qfl=dict(type='QualityFocalLoss', use_sigmoid=True),
    vfl=dict(type='VarifocalLoss', use_sigmoid=True),
)


def test_by_hand():
    """A box that is right, one half as wide, and one beside its face."""
    priors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 20, 10], [4, 4, 6, 6]])
    deltas = torch.zeros(2, 3, 4, requires_grad=True)
    with torch.no_grad():
        deltas[1, 1] = torch.tensor([-0.25, 0, math.log(0.5), 0])
    targets = StepTargets(
        torch.zeros(2, 3, dtype=torch.long),
        (torch.tensor([0, 1, 1]), torch.tensor([0, 1, 2])),
        torch.tensor([[0.0, 0, 10, 10], [0, 0, 20, 10], [8, 8, 9, 9]]),
    )
    coder = TASK_UTILS.build(dict(type='SRNBBoxCoder'))
    found = box_quality(coder, priors.expand(2, -1, -1), deltas, targets)
    expected = torch.tensor([[1.0, 0, 0], [0, 0.5, 0]])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert not found.requires_grad


def make(**kwargs):
    cfg = dict(
        type='SRNHead',
        num_classes=2,
        in_channels=8,
        feat_channels=8,
        stc_levels=(0, 1),
        str_levels=(1, 2),
        anchor_generator=dict(
            type='SRNAnchorGenerator',
            strides=[4, 8, 16],
            ratios=[1.25],
            scales=[2, 2.828427],
        ),
        train_cfg=dict(first_step=STEP, second_step=STEP),
    )
    return MODELS.build(ConfigDict(dict(cfg, **kwargs)))


def case(head):
    """Random outputs of both steps, and ground truth."""
    gen = torch.Generator().manual_seed(5)
    wanted = (head.stc_levels, head.str_levels, range(3), range(3))
    outputs = [
        [
            (torch.randn(2, n, *size, generator=gen) * 0.3).requires_grad_()
            if i in levels
            else None
            for i, size in enumerate(SIZES)
        ]
        for n, levels in zip((4, 8, 4, 8), wanted)
    ]
    gts = [random_faces(4, SIZE, gen) for _ in range(2)]
    for gt in gts:
        gt.labels = torch.arange(4) % 2
    return outputs, gts, [dict(img_shape=SIZE, pad_shape=SIZE)] * 2


def rows(level, image, channels):
    """Predictions of the priors of a map (A * channels, H, W)."""
    return (
        level[image].permute(1, 2, 0).reshape(-1, channels).detach().double()
    )


def decode(prior, d):
    x1, y1, x2, y2 = prior
    w, h = x2 - x1, y2 - y1
    cx, cy = x1 + w / 2 + d[0] * w, y1 + h / 2 + d[1] * h
    w, h = w * math.exp(d[2]), h * math.exp(d[3])
    return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2


def overlap(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    both = max(w, 0) * max(h, 0)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return both / (sum(areas) - both)


def loss_of_sample(kind, logits, label, quality):
    total = 0.0
    for c, z in enumerate(logits):
        p, q = 1 / (1 + math.exp(-z)), quality if c == label else 0.0
        entropy = -q * math.log(p) - (1 - q) * math.log(1 - p)
        if kind == 'qfl':
            total += abs(q - p) ** 2 * entropy
        else:
            total += (q if q > 0 else 0.75 * p**2) * entropy
    return total


@pytest.mark.parametrize('kind', LOSSES)
@pytest.mark.parametrize(
    'levels', [((0, 1), (2,)), ((0, 1), (1, 2)), ((), ()), ((2,), ())]
)
def test_losses_by_hand(kind, levels):
    """On levels with STC alone, with both, with STR alone and with none."""
    head = make(
        loss_cls=LOSSES[kind], stc_levels=levels[0], str_levels=levels[1]
    )
    outputs, gts, metas = case(head)
    losses = head.loss_by_feat(*outputs, gts, metas)

    deltas_fs = [x for x in outputs[1] if x is not None]
    deltas_fs = torch.cat(
        [torch.stack([rows(x, b, 4) for b in range(2)]) for x in deltas_fs]
        or [torch.zeros(2, 0, 4)],
        dim=1,
    ).float()
    targets = head.assign(SIZES, deltas_fs if levels[1] else None, gts, metas)
    sums, counts = dict(fs=0.0, ss=0.0), dict(fs=0, ss=0)
    moved_firsts = 0
    for b in range(2):
        k = 0
        for i, size in enumerate(SIZES):
            cls_ss, reg_ss = (
                rows(outputs[2][i], b, 2),
                rows(outputs[3][i], b, 4),
            )
            for j in range(2 * size[0] * size[1]):
                anchor = targets.anchors[b, k].tolist()
                first_box = decode(anchor, reg_ss[j].tolist())
                start = anchor
                if i in levels[1]:
                    d = rows(outputs[1][i], b, 4)[j].tolist()
                    first_box = start = decode(anchor, d)
                second_box = decode(start, reg_ss[j].tolist())
                steps = [('ss', cls_ss[j], second_box, targets.second)]
                if i in levels[0]:
                    cls_fs = rows(outputs[0][i], b, 2)[j]
                    steps.append(('fs', cls_fs, first_box, targets.first))
                for name, logits, box, step in steps:
                    label = step.labels[b, k].item()
                    if label < 0:
                        continue
                    quality = 0.0
                    if label < 2:
                        counts[name] += 1
                        moved_firsts += name == 'fs' and i in levels[1]
                        (n,) = (
                            (step.pos_inds[0] == b) & (step.pos_inds[1] == k)
                        ).nonzero()[0]
                        quality = overlap(box, step.pos_bboxes[n].tolist())
                    # Nothing is easy enough to be dropped here.
                    sums[name] += loss_of_sample(
                        kind, logits.tolist(), label, quality
                    )
                k += 1
    assert counts['ss'] > 3 and bool(counts['fs']) == bool(levels[0])
    assert bool(moved_firsts) == bool(set(levels[0]) & set(levels[1]))
    assert ('loss_cls_fs' in losses) == bool(levels[0])
    for name in ('ss', 'fs')[: 1 + bool(levels[0])]:
        assert losses[f'loss_cls_{name}'].item() == pytest.approx(
            sums[name] / max(counts[name], 1), rel=1e-4
        )


def test_boxes_do_not_learn_from_scores():
    head = make(loss_cls=LOSSES['qfl'])
    outputs, gts, metas = case(head)
    losses = head.loss_by_feat(*outputs, gts, metas)
    (losses['loss_cls_fs'] + losses['loss_cls_ss']).backward()
    for maps in (outputs[1], outputs[3]):
        assert all(x is None or x.grad is None for x in maps)
    assert all(x.grad.any() for x in outputs[2])


def test_without_positives():
    head = make(loss_cls=LOSSES['vfl'])
    outputs, gts, metas = case(head)
    losses = head.loss_by_feat(*outputs, [x[:0] for x in gts], metas)
    assert losses['loss_cls_ss'].item() > 0
    assert losses['loss_bbox_ss'].item() == 0


def test_a_softmax_has_no_quality():
    with pytest.raises(ValueError, match='QualityFocalLoss.*use_sigmoid=True'):
        make(loss_cls=dict(type='QualityFocalLoss'))
