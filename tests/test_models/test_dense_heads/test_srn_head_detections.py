"""The two-step head: its detections."""

import math

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict

from mmsrn.testing.models import random_batch
from tests.test_models.test_dense_heads.srn_head_cases import (
    SIZE,
    SIZES,
    decode,
    flat,
    ground_truth,
    make,
    maps,
    random_outputs,
)


def published(head, outputs, b, thr, theta, small, nms_thr, per_level, top):
    """`rpn_proposal.py` of the specification, in numpy, one box at a time."""
    dets = []
    priors = head.prior_generator.grid_priors(SIZES, device='cpu')
    for i, size in enumerate(SIZES):
        anchors = priors[i].numpy().astype(float)
        s2 = flat(outputs[2][i], b, 1).sigmoid().numpy()[:, 0]
        d2 = flat(outputs[3][i], b, 4).numpy()
        level_thr = thr if size[0] * size[1] >= small else 0.0
        keep = s2 > level_thr
        if i in head.stc_levels:
            s1 = flat(outputs[0][i], b, 1).sigmoid().numpy()[:, 0]
            keep &= s1 > theta
        if i in head.str_levels:
            d1 = flat(outputs[1][i], b, 4).numpy()
            anchors = np.array([decode(a, d) for a, d in zip(anchors, d1)])
        order = np.flatnonzero(keep)
        order = order[np.argsort(-s2[order])][:per_level]
        dets += [[*decode(anchors[j], d2[j]), s2[j]] for j in order]
    dets = sorted(dets, key=lambda d: -d[4])
    kept = []
    while dets:
        best, *dets = dets
        kept.append(best)

        def overlap(d, b=best):
            w = min(d[2], b[2]) - max(d[0], b[0]) + 1
            h = min(d[3], b[3]) - max(d[1], b[1]) + 1
            inter = max(w, 0) * max(h, 0)
            area = [(x[2] - x[0] + 1) * (x[3] - x[1] + 1) for x in (d, b)]
            return inter / (sum(area) - inter)

        dets = [d for d in dets if overlap(d) <= nms_thr]
    return np.array(kept[:top])


@pytest.mark.parametrize('small', [0, 60])
@pytest.mark.parametrize('seed', range(3))
def test_detections_as_published(seed, small):
    head = make(bbox_coder=dict(type='SRNBBoxCoder', clip_border=False))
    head.test_cfg.small_map_cells = small
    head.test_cfg.score_thr = 0.12
    outputs = random_outputs(head, seed=seed)
    meta = [dict(img_shape=SIZE, scale_factor=(1.0, 1.0))] * 2
    results = head.predict_by_feat(*outputs, meta)
    for b in range(2):
        expected = published(head, outputs, b, 0.12, 0.01, small, 0.4, 100, 50)
        assert len(expected) > 10
        boxes = results[b].bboxes.detach().numpy()
        np.testing.assert_allclose(boxes, expected[:, :4], atol=1e-3)
        scores = results[b].scores.detach().numpy()
        np.testing.assert_allclose(scores, expected[:, 4], atol=1e-5)


@pytest.mark.parametrize('levels', [(), (0, 1)])
def test_softmax_scores_are_those_of_the_second_step(levels):
    """A class below the threshold leaves the others as they are."""
    head = make(
        num_classes=3,
        loss_cls=dict(type='CrossEntropyLoss'),
        stc_levels=levels,
        theta=0.8,
    )
    head.test_cfg.update(score_thr=0.25, nms_pre=10_000)
    gen = torch.Generator().manual_seed(4)
    outputs = [[None] * 3, [None] * 3, [], []]
    outputs[1][2] = torch.zeros(1, 8, *SIZES[2])
    for i, size in enumerate(SIZES):
        outputs[2].append(torch.randn(1, 8, *size, generator=gen))
        outputs[3].append(torch.zeros(1, 8, *size))
        if i in levels:
            outputs[0][i] = 2 * torch.randn(1, 8, *size, generator=gen)
    meta = [dict(img_shape=SIZE, scale_factor=(1.0, 1.0))]
    (found,) = head.predict_by_feat(*outputs, meta, with_nms=False)

    def softmax(row):
        powers = [math.exp(x) for x in row]
        return [x / sum(powers) for x in powers]

    expected, stopped = [], 0
    for i in range(len(SIZES)):
        rows = flat(outputs[2][i], 0, 4).tolist()
        for k, row in enumerate(rows):
            if i in levels:
                first = softmax(flat(outputs[0][i], 0, 4).tolist()[k])
                if first[3] > 0.8:
                    stopped += 1
                    continue
            expected += [
                (score, kind)
                for kind, score in enumerate(softmax(row)[:3])
                if score > 0.25
            ]
    assert len(expected) > 500 and bool(stopped) == bool(levels)
    ours = sorted(zip(found.scores.tolist(), found.labels.tolist()))
    assert [x[1] for x in ours] == [x[1] for x in sorted(expected)]
    np.testing.assert_allclose(
        [x[0] for x in ours], [x[0] for x in sorted(expected)], atol=1e-6
    )


def test_classes_do_not_mix_in_nms():
    """Boxes over the border of the image, as of faces that it cuts."""
    head = make(num_classes=2, stc_levels=(), str_levels=())
    outputs = [[None] * 3, [None] * 3, [], []]
    for i, size in enumerate(SIZES):
        logits = torch.full((1, 4, *size), -9.0)
        deltas = torch.zeros(1, 8, *size)
        if i == 2:  # two anchors at the left and at the right border
            logits[0, 0, 1, 0], logits[0, 1, 1, 5] = 2.0, 1.0
            deltas[0, 0, 1, 0], deltas[0, 0, 1, 5] = -0.4, 0.4
        outputs[2].append(logits)
        outputs[3].append(deltas)
    meta = [dict(img_shape=SIZE, scale_factor=(1.0, 1.0))]
    (found,) = head.predict_by_feat(*outputs, meta)
    assert found.labels.tolist() == [0, 1]
    assert found.bboxes.min() == 0
    assert (found.bboxes[:, 2:] <= torch.tensor(SIZE[::-1])).all()


def test_no_detection():
    head = make()
    outputs = random_outputs(head)
    head.test_cfg.score_thr = 0.999
    meta = [dict(img_shape=SIZE, scale_factor=(1.0, 1.0))] * 2
    results = head.predict_by_feat(*outputs, meta)
    assert [len(r) for r in results] == [0, 0]


def test_each_image_moves_its_own_anchors():
    """Image 2 must not start from the anchors moved for image 1."""
    head = make()
    outputs = random_outputs(head)
    gts, metas = ground_truth()
    meta = [dict(x, scale_factor=(1.0, 1.0)) for x in metas]
    both = head.predict_by_feat(*outputs, meta)
    second = [[x if x is None else x[1:] for x in out] for out in outputs]
    alone = head.predict_by_feat(*second, meta[1:])[0]
    torch.testing.assert_close(both[1].bboxes, alone.bboxes)


def test_predicting_without_test_cfg():
    head = make(test_cfg=None)
    _, metas = ground_truth()
    with pytest.raises(ValueError, match='test_cfg .*max_per_img'):
        head.predict_by_feat(*random_outputs(head), metas)


def test_boxes_in_original_pixels():
    head = make()
    outputs = random_outputs(head)
    meta = dict(img_shape=SIZE, scale_factor=(2.0, 0.5))
    cfg = ConfigDict(
        dict(head.test_cfg, nms=dict(type='nms', iou_threshold=1))
    )
    plain, scaled = (
        head.predict_by_feat(*outputs, [meta] * 2, cfg=cfg, rescale=r)[0]
        for r in (False, True)
    )
    factor = torch.tensor([0.5, 2, 0.5, 2])
    torch.testing.assert_close(plain.bboxes * factor, scaled.bboxes)


def test_as_rpn():
    """`loss_and_predict`, which two-stage detectors call."""
    head = make()
    batch = random_batch(2, SIZE)
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(pad_shape=SIZE))
    cfg = ConfigDict(nms_pre=50, nms=dict(type='nms', iou_threshold=0.7),
                     max_per_img=20)  # fmt: skip
    losses, results = head.loss_and_predict(
        maps(), batch['data_samples'], proposal_cfg=cfg
    )
    assert losses['loss_cls_ss'] > 0
    assert all(0 < len(r) <= 20 for r in results)
