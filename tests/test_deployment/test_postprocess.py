"""NMS and the search for detections, against loops and worked examples."""

import numpy as np
import pytest

from mmsrn.deployment import nms, postprocess

LIMITS = dict(nms_pre=-1, iou_threshold=0.5, offset=0, max_per_img=-1)


def overlap(a, b, offset):
    """IoU by counting, for whole pixels."""

    def side(start, end):
        return max(0, end - start + offset)

    inner = side(max(a[0], b[0]), min(a[2], b[2])) * side(
        max(a[1], b[1]), min(a[3], b[3])
    )
    areas = [side(x[0], x[2]) * side(x[1], x[3]) for x in (a, b)]
    return inner / (sum(areas) - inner)


def loop(boxes, scores, threshold, offset):
    """NMS as it is defined."""
    kept = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(overlap(boxes[i], boxes[j], offset) <= threshold for j in kept):
            kept.append(i)
    return kept


def crowd(num, seed):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 60, (num, 2))
    boxes = np.concatenate([start, start + rng.integers(5, 40, (num, 2))], 1)
    return boxes.astype(np.float32), rng.permutation(num) / np.float32(num)


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('seed', range(3))
def test_nms_is_the_loop(seed, offset):
    boxes, scores = crowd(80, seed)
    kept = nms(boxes, scores, 0.3, offset)
    assert kept.tolist() == loop(boxes, scores, 0.3, offset)
    assert 5 < len(kept) < 60
    assert nms(boxes, scores, 0.3, offset, max_num=4).tolist() == list(
        kept[:4]
    )


@pytest.mark.parametrize('offset', [0, 1])
def test_nms_is_that_of_mmcv(offset):
    from mmcv import ops

    rng = np.random.default_rng(offset)
    start = rng.random((400, 2)) * 100
    boxes = np.concatenate([start, start + 40 * rng.random((400, 2))], axis=1)
    boxes = boxes.astype(np.float32)
    scores = rng.permutation(400).astype(np.float32) / 400
    _, expected = ops.nms(boxes, scores, 0.4, offset)
    assert nms(boxes, scores, 0.4, offset).tolist() == expected.tolist()


def test_offset_decides():
    """10 of 20 pixels in common, or 11 x 11 of 11 x 21."""
    boxes = np.array([[0, 0, 10, 20], [0, 0, 10, 10]], np.float32)
    scores = np.array([0.9, 0.8])
    assert nms(boxes, scores, 0.51, 0).tolist() == [0, 1]
    assert nms(boxes, scores, 0.51, 1).tolist() == [0]


def test_boxes_without_area():
    boxes = np.zeros((3, 4), np.float32)
    assert nms(boxes, np.array([0.1, 0.3, 0.2]), 0.5).tolist() == [1, 2, 0]
    assert nms(boxes[:0], np.zeros(0), 0.5).tolist() == []


def places(num):
    """Boxes far from each other."""
    start = 100.0 * np.arange(num)[:, None]
    return (start + [0, 0, 10, 10]).astype(np.float32)


def test_best_of_each_level():
    boxes = places(6)
    scores = np.array([0.2, 0.9, 0.5, 0.3, 0, 0.1], np.float32)[:, None]
    levels = np.array([0, 0, 0, 1, 1, 1])

    def found(**limits):
        result = postprocess(boxes, scores, levels, **{**LIMITS, **limits})
        assert np.array_equal(
            result[0], boxes[(result[0][:, 0] / 100).astype(int)]
        )
        assert not result[2].any()
        return result[1].tolist()

    def exactly(*values):
        return np.float32(values).tolist()

    assert found() == exactly(0.9, 0.5, 0.3, 0.2, 0.1)
    assert found(nms_pre=1) == exactly(0.9, 0.3)
    assert found(nms_pre=2) == exactly(0.9, 0.5, 0.3, 0.1)
    assert found(nms_pre=0) == []
    assert found(max_per_img=2) == exactly(0.9, 0.5)
    assert found(score_thr=0.3) == exactly(0.9, 0.5)
    assert found(score_thr=-1) == found()  # what was dropped stays away


def test_classes_do_not_suppress_each_other():
    boxes = np.float32([[0, 0, 10, 10], [0, 0, 10, 9]])
    scores = np.float32([[0.9, 0.4], [0.8, 0.6]])
    levels = np.zeros(2, int)
    found = postprocess(boxes, scores, levels, **LIMITS)
    assert found[1].tolist() == np.float32([0.9, 0.6]).tolist()
    assert found[2].tolist() == [0, 1]
    assert found[0].tolist() == boxes.tolist()


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('max_per_img', [-1, 12])
def test_box_voting_is_the_loop(offset, max_per_img):
    boxes, values = crowd(300, offset)
    labels = np.arange(300) % 2
    scores = np.zeros((300, 2), np.float32)
    scores[np.arange(300), labels] = values + 0.01
    limits = dict(LIMITS, offset=offset, max_per_img=max_per_img)
    plain = postprocess(boxes, scores, np.zeros(300, int), **limits)
    voted = postprocess(
        boxes, scores, np.zeros(300, int), **limits, vote_iou=0.6
    )
    assert np.array_equal(plain[1], voted[1])
    assert np.array_equal(plain[2], voted[2])
    assert (plain[0] != voted[0]).any(axis=1).sum() > 2
    for before, after, label in zip(plain[0], voted[0], voted[2]):
        total = np.zeros(5)
        for box, own, of in zip(boxes, scores.max(axis=1), labels):
            if of == label and overlap(before, box, offset) >= 0.6:
                total += own * np.append(box, 1)
        np.testing.assert_allclose(after, total[:4] / total[4], rtol=1e-5)


def test_box_voting_leaves_boxes_without_area():
    boxes = np.full((1, 4), 3, np.float32)
    found = postprocess(
        *(boxes, np.ones((1, 1), np.float32), np.zeros(1, int)),
        **LIMITS,
        vote_iou=0.5,
    )
    assert np.array_equal(found[0], boxes)


@pytest.mark.parametrize('wrong', [0, 2, float('nan')])
def test_box_voting_out_of_range(wrong):
    with pytest.raises(
        ValueError, match='vote_iou=.* must be None or above 0'
    ):
        postprocess(
            *(places(1), np.ones((1, 1), np.float32), np.zeros(1, int)),
            **LIMITS,
            vote_iou=wrong,
        )


def test_nothing():
    found = postprocess(
        places(3), np.zeros((3, 1), np.float32), np.zeros(3, int), **LIMITS
    )
    assert [x.shape for x in found] == [(0, 4), (0,), (0,)]
    found = postprocess(
        *(places(3), np.zeros((3, 1), np.float32), np.zeros(3, int)),
        **LIMITS,
        vote_iou=0.5,
    )
    assert [x.shape for x in found] == [(0, 4), (0,), (0,)]
