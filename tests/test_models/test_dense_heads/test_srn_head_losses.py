"""The two-step head: its losses, against those of loops over priors."""

import math

import numpy as np
import pytest
import torch

from tests.test_models.test_dense_heads.srn_head_cases import (
    SIZES,
    decode,
    flat,
    ground_truth,
    make,
    random_outputs,
)


def focal(z, positive):
    p = 1 / (1 + math.exp(-z))
    if positive:
        return -0.25 * (1 - p) ** 2 * math.log(p)
    return -0.75 * p**2 * math.log(1 - p)


def encode(a, g):
    aw, ah, gw, gh = a[2] - a[0], a[3] - a[1], g[2] - g[0], g[3] - g[1]
    return np.array(
        [
            ((g[0] + g[2]) - (a[0] + a[2])) / 2 / aw,
            ((g[1] + g[3]) - (a[1] + a[3])) / 2 / ah,
            math.log(gw / aw),
            math.log(gh / ah),
        ]
    )


def iou_table(priors, gts):
    lt = np.maximum(priors[:, None, :2], gts[None, :, :2])
    rb = np.minimum(priors[:, None, 2:], gts[None, :, 2:])
    inter = np.clip(rb - lt, 0, None).prod(-1)
    area_p = (priors[:, 2:] - priors[:, :2]).prod(-1)
    area_g = (gts[:, 2:] - gts[:, :2]).prod(-1)
    return inter / (area_p[:, None] + area_g - inter)


def label(priors, gts, pos, neg):
    """1 positive, 0 negative, -1 ignored; and the matched face."""
    table = iou_table(priors, gts)
    best, match = table.max(1), table.argmax(1)
    labels = np.where(best >= pos, 1, np.where(best < neg, 0, -1))
    for g in range(len(gts)):
        if table[:, g].max() >= 0.3:
            top = np.isclose(table[:, g], table[:, g].max(), rtol=1e-5)
            labels[top], match[top] = 1, g
    return labels, match


def smooth_l1(x, beta=0.11):
    x = abs(x)
    return np.where(x < beta, 0.5 * x * x / beta, x - 0.5 * beta).sum()


def by_hand(head, outputs, gts, margin=lambda face: 0, box_loss_ss=None):
    """The four sums of the specification's training step, prior by prior."""
    priors = [p.numpy() for p in head.prior_generator.grid_priors(
        SIZES, device='cpu')]  # fmt: skip
    level = np.concatenate([[i] * len(p) for i, p in enumerate(priors)])
    anchors = np.concatenate(priors).astype(float)
    sums, counts = np.zeros(4), np.zeros(4)  # cls1 reg1 cls2 reg2
    removed = 0
    for b, gt in enumerate(gts):
        cls1, reg1, cls2, reg2 = (
            np.concatenate(
                [
                    np.zeros((len(priors[i]), n))
                    if x is None
                    else flat(x, b, n).numpy()
                    for i, x in enumerate(out)
                ]
            )
            for out, n in zip(outputs, (1, 4, 1, 4))
        )
        boxes = gt.bboxes.numpy().astype(float)
        lab1, match1 = label(anchors, boxes, 0.7, 0.3)
        moved = anchors.copy()
        for i in np.flatnonzero(np.isin(level, head.str_levels)):
            moved[i] = decode(anchors[i], reg1[i])
        fixed = np.zeros(len(anchors), bool)
        if not head.refine_negatives:
            fixed = np.isin(level, head.str_levels) & (lab1 == 0)
        lab2, match2 = np.zeros_like(lab1), np.zeros_like(match1)
        lab2[~fixed], match2[~fixed] = label(moved[~fixed], boxes, 0.5, 0.4)
        for i in range(len(anchors)):
            stc, str_ = (
                level[i] in head.stc_levels,
                level[i] in head.str_levels,
            )
            if stc and lab1[i] >= 0:
                shift = margin(boxes[match1[i]]) if lab1[i] == 1 else 0
                sums[0] += focal(cls1[i, 0] - shift, lab1[i] == 1)
                counts[0] += lab1[i] == 1
            if str_ and lab1[i] == 1:
                target = encode(anchors[i], boxes[match1[i]])
                sums[1] += smooth_l1(reg1[i] - target)
                counts[1] += 1
            easy = stc and 1 / (1 + math.exp(-cls1[i, 0])) <= 0.01
            removed += easy and lab2[i] == 0
            if lab2[i] == 1 or (lab2[i] == 0 and not easy):
                shift = margin(boxes[match2[i]]) if lab2[i] == 1 else 0
                sums[2] += focal(cls2[i, 0] - shift, lab2[i] == 1)
            if lab2[i] == 1:
                counts[2:] += 1
                face = boxes[match2[i]]
                if box_loss_ss is None:
                    sums[3] += smooth_l1(reg2[i] - encode(moved[i], face))
                else:
                    sums[3] += box_loss_ss(decode(moved[i], reg2[i]), face)
    return sums / np.maximum(counts, 1), counts, removed / len(gts)


@pytest.mark.parametrize(
    'levels',
    [((0, 1), (2,)), ((2,), (0, 1)), ((0, 1, 2), (0, 1, 2)), ((), ())],
)
@pytest.mark.parametrize('refine_negatives', [True, False])
def test_losses_by_hand(levels, refine_negatives):
    head = make(
        stc_levels=levels[0],
        str_levels=levels[1],
        refine_negatives=refine_negatives,
    )
    outputs = random_outputs(head)
    gts, metas = ground_truth()
    losses = head.loss_by_feat(*outputs, gts, metas)
    expected, counts, removed = by_hand(head, outputs, gts)
    keys = ['loss_cls_fs', 'loss_bbox_fs', 'loss_cls_ss', 'loss_bbox_ss']
    for key, value, used in zip(keys, expected, (*map(len, levels), 1, 1)):
        assert (key in losses) == bool(used)
        if used:
            assert losses[key].item() == pytest.approx(value, rel=1e-3)
    assert counts[2] > 0
    if levels[0]:
        assert 0 < losses['stc_removed'].item() == pytest.approx(removed)


def test_scale_aware_margin_by_hand():
    """The head tells the size of the face of each positive in both steps."""
    cfg = dict(type='ScaleAwareMarginLoss', use_sigmoid=True)
    head = make(loss_cls=dict(cfg, margin=2.0, base_size=12, power=1))
    outputs = random_outputs(head)
    gts, metas = ground_truth()
    losses = head.loss_by_feat(*outputs, gts, metas)

    def margin(face):
        size = math.sqrt((face[2] - face[0]) * (face[3] - face[1]))
        return 2 * min(1, 12 / size)

    expected, *_ = by_hand(head, outputs, gts, margin)
    assert losses['loss_cls_fs'].item() == pytest.approx(expected[0], rel=1e-3)
    assert losses['loss_cls_ss'].item() == pytest.approx(expected[2], rel=1e-3)
    without, *_ = by_hand(head, outputs, gts)
    assert (expected > without + 0.01).tolist() == [True, False, True, False]


@pytest.mark.parametrize('reg_decoded_bbox', [False, True])
def test_iou_loss_in_the_second_step_alone(reg_decoded_bbox):
    head = make(
        loss_str=dict(type='STRLoss', loss_bbox_ss=dict(type='IoULoss')),
        reg_decoded_bbox=reg_decoded_bbox,
    )
    outputs = random_outputs(head)
    gts, metas = ground_truth()
    losses = head.loss_by_feat(*outputs, gts, metas)

    def box_loss(box, face):
        return -math.log(iou_table(box[None], face[None])[0, 0])

    expected, *_ = by_hand(head, outputs, gts, box_loss_ss=box_loss)
    found = losses['loss_bbox_ss'].item()
    assert found == pytest.approx(expected[3], rel=1e-3)
    # Of deltas, unless all losses are of boxes.
    other = make(reg_decoded_bbox=reg_decoded_bbox)
    other = other.loss_by_feat(*outputs, gts, metas)
    assert losses['loss_bbox_fs'] == other['loss_bbox_fs']
    assert losses['loss_bbox_ss'] != other['loss_bbox_ss']


def test_negatives_that_str_may_move():
    """Deltas take every anchor of the level of STR to the face."""
    head = make()
    (anchors,) = head.prior_generator.grid_priors(SIZES, device='cpu')[2:]
    face = torch.tensor([20.0, 10.0, 50.0, 50.0])
    deltas = head.bbox_coder.encode(anchors, face.expand_as(anchors))
    gts, metas = ground_truth(batch=1, num=1)
    gts[0].bboxes = face[None]
    labels = {}
    for head.refine_negatives in (True, False):
        targets = head.assign(SIZES, deltas[None], gts, metas)
        first, second = (
            x.labels[0, -len(anchors) :]
            for x in (targets.first, targets.second)
        )
        labels[head.refine_negatives] = second
    assert (labels[True] == 0).all()
    negative = first == 1
    assert negative.any() and not negative.all()
    assert (labels[False][negative] == 1).all()
    assert (labels[False][~negative] == 0).all()


def test_no_negative_is_moved_without_faces():
    every = (0, 1, 2)
    head = make(refine_negatives=False, stc_levels=every, str_levels=every)
    losses = head.loss_by_feat(*random_outputs(head), *ground_truth(num=0))
    assert losses['loss_cls_ss'] > 0 and losses['loss_bbox_ss'] == 0
