"""Box voting after NMS, against worked examples and loops."""

import math

import numpy as np
import pytest
import torch
from mmcv.ops import batched_nms
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.structures import InstanceData

from mmsrn.deployment import postprocess
from mmsrn.models.utils import vote_boxes


def instances(boxes, scores, labels=None):
    return InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        scores=torch.tensor(scores, dtype=torch.float32),
        labels=torch.tensor(labels or [0] * len(scores)),
    )


def test_worked_example():
    """Two of three overlap the best by 0.9 and 0.8, the third by half."""
    candidates = instances(
        [[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 8, 10], [0, 0, 10, 5]],
        [0.6, 0.3, 0.1, 0.9],
    )
    found = candidates[:1]
    assert vote_boxes(found, candidates, 0.8).tolist() == [
        pytest.approx([0, 0, 9.8, 9.7])
    ]
    assert vote_boxes(found, candidates, 0.85).tolist() == [
        pytest.approx([0, 0, 10, 29 / 3])
    ]
    assert vote_boxes(found, candidates, 1).tolist() == [[0, 0, 10, 10]]


def test_last_pixels():
    """Of 3 x 2 pixels and 3 x 3, and not of 2 x 1 and 2 x 2."""
    candidates = instances([[0, 0, 2, 1], [0, 0, 2, 2]], [0.5, 0.5])
    found = candidates[:1]
    assert vote_boxes(found, candidates, 0.6).tolist() == [[0, 0, 2, 1]]
    assert vote_boxes(found, candidates, 0.6, 1).tolist() == [[0, 0, 2, 1.5]]


def test_boxes_without_area_and_none_at_all():
    candidates = instances([[3, 3, 3, 3], [3, 3, 3, 3]], [0.5, 0.4])
    assert (
        vote_boxes(candidates, candidates, 0.5).tolist() == [[3, 3, 3, 3]] * 2
    )
    none = candidates[:0]
    assert vote_boxes(none, none, 0.5).shape == (0, 4)


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('pairs', [1, 1000, 1 << 16])
def test_is_that_of_the_postprocessing(offset, pairs, monkeypatch):
    """Which runs without torch; here with NMS, and with several classes."""
    monkeypatch.setitem(vote_boxes.__globals__, '_MAX_PAIRS', pairs)
    rng = np.random.default_rng(offset)
    start = rng.random((300, 2)) * 60
    boxes = np.concatenate([start, start + 5 + 30 * rng.random((300, 2))], 1)
    boxes = boxes.astype(np.float32)
    scores = np.zeros((300, 2), np.float32)
    labels = rng.integers(0, 2, 300)
    scores[np.arange(300), labels] = rng.permutation(300) / 300 + 0.01
    limits = dict(iou_threshold=0.5, offset=offset)
    expected = postprocess(
        *(boxes, scores, np.zeros(300, int)),
        **limits,
        nms_pre=-1,
        max_per_img=40,
        vote_iou=0.6,
    )
    candidates = instances(boxes, scores.max(axis=1), labels.tolist())
    _, keep = batched_nms(
        candidates.bboxes,
        candidates.scores,
        candidates.labels,
        dict(type='nms', **limits),
    )
    found = candidates[keep][:40]
    voted = vote_boxes(found, candidates, 0.6, offset)
    np.testing.assert_allclose(voted, expected[0], rtol=1e-5)
    moved = (voted != found.bboxes).any(dim=1)
    assert 5 < moved.sum() < 40 and found.labels.unique().tolist() == [0, 1]


def test_equal_corners_stay():
    """Of faces at the border of an image, which boxes must not leave."""
    rng = np.random.default_rng(0)
    boxes = np.float32([[0.1, 0.7, 70, 45.3]]).repeat(50, axis=0)
    scores = np.float32(rng.random((50, 1)))
    candidates = instances(boxes, scores[:, 0])
    found = candidates[int(candidates.scores.argmax())]
    assert np.array_equal(vote_boxes(found, candidates, 0.5), boxes[:1])
    ours = postprocess(
        *(boxes, scores, np.zeros(50, int)),
        **dict(nms_pre=-1, iou_threshold=0.5, offset=0, max_per_img=-1),
        vote_iou=0.5,
    )
    assert np.array_equal(ours[0], boxes[:1])


def test_boxes_of_mmdet():
    candidates = instances([[0, 0, 10, 10], [0, 0, 10, 8]], [0.5, 0.5])
    candidates.bboxes = HorizontalBoxes(candidates.bboxes)
    voted = vote_boxes(candidates, candidates, 0.7)
    assert voted.tolist() == [[0, 0, 10, 9]] * 2


@pytest.mark.parametrize('wrong', [0, -0.1, 1.1, math.nan, '0.5', True])
def test_out_of_range(wrong):
    candidates = instances([[0, 0, 9, 9]], [0.5])
    with pytest.raises(ValueError, match='vote_iou=.* up to 1, such as 0.7'):
        vote_boxes(candidates, candidates, wrong)
