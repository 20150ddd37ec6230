"""Box voting against the published loop, written out."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsrn.structures import bbox_voting
from mmsrn.structures.bbox import bbox_voting as module_function
from tests.oracles.voting_loop import bbox_voting_loop

VARIANTS = (False, True, 'last')
# Few values, so that boxes, overlaps and scores are often equal.
CORNER = st.integers(0, 12)
SIZE = st.integers(0, 12)
SCORE = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5, 0.9, 1.0])
DETECTION = st.tuples(CORNER, CORNER, SIZE, SIZE, SCORE)
DETECTIONS = st.lists(DETECTION, max_size=40).map(
    lambda rows: np.array(
        [(x, y, x + w, y + h, s) for x, y, w, h, s in rows], np.float64
    ).reshape(-1, 5)
)


def scene(rng, num, passes, size=1000):
    """Faces of all sizes, found by several passes, and false ones."""
    side = np.exp(rng.uniform(np.log(6), np.log(300), num))
    centre = rng.uniform(0, size, (num, 2))
    box = np.column_stack((centre - side[:, None] / 2, centre))
    box[:, 2:] += side[:, None] * [0.5, 0.7]
    found = np.repeat(box, rng.integers(1, passes + 1, num), axis=0)
    width = (found[:, 2] - found[:, 0])[:, None]
    found += rng.normal(0, 0.08, found.shape) * width
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2])
    return np.column_stack((found, rng.uniform(0, 1, len(found))))


@settings(max_examples=300)
@given(
    DETECTIONS,
    st.sampled_from([0.01, 0.3, 1 / 3, 0.5, 0.7, 1.0]),
    st.sampled_from(VARIANTS),
    st.sampled_from([1, 3, 750]),
)
def test_equals_the_published_loop(dets, vote_iou, keep_single, max_num):
    options = dict(vote_iou=vote_iou, keep_single=keep_single, max_num=max_num)
    expected = bbox_voting_loop(dets, **options)
    voted = bbox_voting(dets, **options)
    assert voted.shape == expected.shape
    np.testing.assert_allclose(voted, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('keep_single', VARIANTS)
@pytest.mark.parametrize('vote_iou', [0.3, 0.5, 0.85])
def test_equals_the_published_loop_on_many_boxes(vote_iou, keep_single):
    rng = np.random.default_rng(round(vote_iou * 100))
    for num, passes in ((900, 6), (300, 12), (2000, 1)):
        dets = scene(rng, num, passes)
        for max_num in (100, 5000):
            options = (vote_iou, keep_single, max_num)
            expected = bbox_voting_loop(dets, *options)
            voted = bbox_voting(dets, *options)
            assert voted.shape == expected.shape
            np.testing.assert_allclose(voted, expected, rtol=1e-9)


@pytest.mark.parametrize('size', [1e-3, 1.0, 1e6])
def test_any_scale_and_place(size):
    """Elongated, tiny and huge boxes, far from the origin."""
    rng = np.random.default_rng(3)
    start = rng.uniform(-10, 10, (600, 2))
    sides = np.exp(rng.uniform(-3, 3, (600, 2)))
    boxes = np.column_stack((start, start + sides)) * size + 7 * size
    dets = np.column_stack((boxes, rng.uniform(0, 1, 600)))
    voted = bbox_voting(dets, 0.3, True)
    expected = bbox_voting_loop(dets, 0.3, True)
    assert len(voted) == len(expected) < 600
    np.testing.assert_allclose(voted, expected, rtol=1e-9)


def test_two_boxes_larger_than_their_distance():
    """No boxes are farther apart than these partners."""
    rng = np.random.default_rng(0)
    for _ in range(1000):
        centres = rng.uniform(0, 30, (2, 2))
        sides = np.exp(rng.uniform(3, 5, (2, 2)))
        boxes = np.hstack((centres - sides / 2, centres + sides / 2))
        dets = np.column_stack((boxes, [0.9, 0.6]))
        voted = bbox_voting(dets, 0.1, True)
        expected = bbox_voting_loop(dets, 0.1, True)
        assert len(voted) == len(expected)
        np.testing.assert_allclose(voted, expected, rtol=1e-9)


def test_many_boxes_at_one_place():
    """More pairs than are held in memory at a time."""
    rng = np.random.default_rng(0)
    boxes = rng.normal([20, 20, 60, 70], 4, (3000, 4))
    dets = np.column_stack((boxes, rng.uniform(0, 1, 3000)))
    np.testing.assert_allclose(
        bbox_voting(dets), bbox_voting_loop(dets), rtol=1e-9
    )


def test_by_hand():
    dets = [
        [0, 0, 9, 9, 0.6],
        [50, 50, 59, 59, 0.9],
        [0, 0, 9, 7, 0.2],  # IoU 0.8
        [0, 0, 9, 3, 0.5],  # IoU 0.4 with the first
    ]
    first = [0, 0, 9, (9 * 0.6 + 7 * 0.2) / 0.8, 0.6]
    np.testing.assert_allclose(bbox_voting(dets), [first])
    voted = bbox_voting(dets, keep_single=True)
    np.testing.assert_allclose(voted, [dets[1], first, dets[3]])
    voted = bbox_voting(dets, keep_single='last')
    np.testing.assert_allclose(voted, [first, dets[3]])
    low = [0, 0, 9, (9 * 0.6 + 7 * 0.2 + 3 * 0.5) / 1.3, 0.6]
    np.testing.assert_allclose(bbox_voting(dets, 0.4), [low])


def test_widths_count_the_last_pixel_or_not():
    dets = [[0, 0, 2, 10, 0.5], [0, 0, 1, 10, 0.5]]
    # 2 x 11 over 3 x 11 pixels; 1 x 10 over 2 x 10.
    assert len(bbox_voting(dets, 0.6)) == 1
    assert len(bbox_voting(dets, 0.6, offset=0)) == 0
    assert len(bbox_voting(dets, 0.5, offset=0)) == 1


def test_the_threshold_itself_belongs_to_the_cluster():
    dets = [[0, 0, 9, 9, 0.9], [0, 0, 9, 4, 0.8]]  # 50 of 100 pixels
    assert len(bbox_voting(dets, 0.5)) == 1
    assert len(bbox_voting(dets, np.nextafter(0.5, 1))) == 0


@pytest.mark.parametrize('keep_single', VARIANTS)
def test_nothing_to_vote_on(keep_single):
    assert bbox_voting([], keep_single=keep_single).shape == (0, 5)
    zeros = np.zeros((4, 5))  # as the published test adds one of
    assert bbox_voting(zeros, keep_single=keep_single).shape == (0, 5)
    face = [[3, 3, 9, 9, 0.7]]
    kept = 0 if keep_single is False else 1
    assert len(bbox_voting(face, keep_single=keep_single)) == kept
    voted = bbox_voting([*face * 2, *zeros], keep_single=keep_single)
    np.testing.assert_allclose(voted, face)


def test_boxes_without_area_take_no_part():
    """The published loop would never end."""
    face = [3, 3, 9, 9, 0.7]
    none = [9, 9, 8, 20, 0.9]
    np.testing.assert_allclose(bbox_voting([none, face, none, face]), [face])
    assert len(bbox_voting([none, none], keep_single=True)) == 0


def test_the_later_of_equal_scores_comes_first():
    dets = [[0, 0, 9, 9, 0.5], [3, 0, 12, 9, 0.5], [6, 0, 15, 9, 0.5]]
    voted = bbox_voting(dets, keep_single=True)
    np.testing.assert_allclose(voted, [[4.5, 0, 13.5, 9, 0.5], dets[0]])


@given(DETECTIONS, st.randoms(use_true_random=False))
def test_order_of_different_scores_does_not_matter(dets, random):
    dets[:, 4] = (1 + np.arange(len(dets))) / (1 + len(dets))
    order = list(range(len(dets)))
    random.shuffle(order)
    for keep_single in VARIANTS:
        np.testing.assert_allclose(
            bbox_voting(dets[order], keep_single=keep_single),
            bbox_voting(dets, keep_single=keep_single),
        )


@given(DETECTIONS)
def test_voted_boxes_lie_within_their_members(dets):
    voted = bbox_voting(dets, keep_single=True)
    assert (np.diff(voted[:, 4]) <= 0).all()
    if len(voted):
        low, high = dets[:, :4].min(axis=0), dets[:, :4].max(axis=0)
        assert (voted[:, :4] >= low - 1e-9).all()
        assert (voted[:, :4] <= high + 1e-9).all()
        assert set(voted[:, 4]) <= set(dets[:, 4])


def test_leaves_its_input_alone():
    dets = scene(np.random.default_rng(1), 50, 4)
    before = dets.copy()
    bbox_voting(dets.astype(np.float32))
    bbox_voting(dets)
    assert (dets == before).all()


@pytest.mark.parametrize(
    'change', list(itertools.product(range(5), (np.nan, np.inf, -np.inf)))
)
def test_numbers_that_are_none(change):
    dets = np.array([[0, 0, 9, 9, 0.5], [3, 0, 12, 9, 0.5]])
    dets[1, change[0]] = change[1]
    with pytest.raises(ValueError, match='not finite'):
        bbox_voting(dets)


def test_bad_arguments():
    for vote_iou in (0, -0.5, 1.01):
        with pytest.raises(ValueError, match='vote_iou'):
            bbox_voting([], vote_iou)
    with pytest.raises(ValueError, match="or 'last', got 'first'"):
        bbox_voting([], keep_single='first')
    with pytest.raises(ValueError, match='max_num=0'):
        bbox_voting([], max_num=0)
    with pytest.raises(ValueError, match='negative score'):
        bbox_voting([[0, 0, 9, 9, -0.1]])


def test_needs_numpy_alone(root):
    code = (
        'import sys; from mmsrn.structures import bbox_voting; '
        'print(sorted({x.split(".")[0] for x in sys.modules} '
        '& {"torch", "mmdet", "mmcv", "mmengine", "cv2", "scipy"}))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=root, capture_output=True, text=True
    )
    assert done.stdout.strip() == '[]', done.stderr
    assert module_function is bbox_voting
