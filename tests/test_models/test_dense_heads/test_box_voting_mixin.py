"""Box voting as a setting of heads."""

import numpy as np
import pytest
import torch
from mmcv.ops import bbox_overlaps

from tests.test_models.test_dense_heads.srn_head_cases import (
    SIZE,
    make,
    random_outputs,
)

META = [dict(img_shape=SIZE, scale_factor=(2.0, 4.0))] * 2
LIMITS = dict(score_thr=0.12, nms_pre=100, max_per_img=50, min_bbox_size=5)


@pytest.mark.parametrize('nms', [dict(offset=1), dict(offset=0), dict()])
@pytest.mark.parametrize('by_call', [False, True])
def test_from_what_nms_gets(nms, by_call):
    """In pixels of the original image, without boxes that are too small."""
    head = make()
    head.test_cfg.update(LIMITS)
    head.test_cfg.nms = dict(type='nms', iou_threshold=0.5, **nms)
    outputs = random_outputs(head, seed=0)

    def find(vote_iou, **options):
        cfg = dict(vote_iou=vote_iou)
        if by_call:
            options['cfg'] = type(head.test_cfg)(head.test_cfg, **cfg)
        else:
            head.test_cfg.update(cfg)
        return head.predict_by_feat(*outputs, META, rescale=True, **options)

    pairs = zip(find(None), find(0.4), find(None, with_nms=False))
    for before, after, candidates in pairs:
        assert torch.equal(before.scores, after.scores)
        sides = candidates.bboxes[:, 2:] - candidates.bboxes[:, :2]
        assert sides.min() > 5
        ious = bbox_overlaps(
            before.bboxes, candidates.bboxes, offset=nms.get('offset', 0)
        )
        expected = [
            np.average(candidates.bboxes[row], axis=0, weights=weights[row])
            for row, weights in zip(
                ious >= 0.4, candidates.scores.expand(len(ious), -1)
            )
        ]
        np.testing.assert_allclose(after.bboxes, expected, rtol=1e-5)
        assert (before.bboxes != after.bboxes).any(dim=1).sum() > 5
    for ours, same in zip(
        find(None, with_nms=False), find(0.4, with_nms=False)
    ):
        assert torch.equal(ours.bboxes, same.bboxes)


def test_no_candidates():
    head = make()
    head.test_cfg.update(score_thr=0.999, vote_iou=0.6)
    found = head.predict_by_feat(*random_outputs(head, seed=0), META)
    assert [x.bboxes.shape for x in found] == [(0, 4)] * 2


@pytest.mark.parametrize('wrong', [0, 2, 'a', [0.7], True])
def test_wrong_values_are_refused_at_once(wrong):
    cfg = make().test_cfg
    with pytest.raises(ValueError, match='vote_iou=.* must be None'):
        make(test_cfg=dict(cfg, vote_iou=wrong))
