"""Sizes, attributes, overlaps, false positives and intervals, by hand."""

import numpy as np
import pytest

from mmsrn.evaluation.protocols import (
    ap_by_attribute,
    ap_by_height,
    ap_by_iou,
    bootstrap_ap,
    eval_widerface,
    false_positives_at_recall,
    worst_images,
)
from mmsrn.structures.face_set import FaceSet, FaceSetting

# x y w h; the third face is ignored.
FACES = {
    'a': [[0, 0, 9, 9], [100, 0, 9, 19], [200, 0, 9, 9]],
    'b': [[0, 0, 9, 39]],
    'c': [],
}
FOUND = {
    'a': [
        [0, 0, 9, 9, 0.9],  # finds
        [0, 0, 9, 9, 0.8],  # double
        [200, 0, 9, 9, 0.7],  # on the ignored one
        [100, 0, 9, 13, 0.5],  # finds, overlap 140 / 200
        [300, 0, 9, 39, 0.2],  # nothing there
    ],
    'b': [[50, 0, 9, 9, 0.6], [0, 0, 9, 39, 0.5]],  # nothing there; finds
    'c': [[0, 0, 9, 9, 0.95]],  # costs nothing: no faces here
}


def corners(boxes):
    boxes = np.array(boxes, float).reshape(-1, 4)
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


@pytest.fixture(params=[np.int32, np.float64])
def evaluation(request):
    faces = [corners(x).astype(request.param) for x in FACES.values()]
    truth = FaceSet(
        list(FACES),
        {'all': FaceSetting(faces, np.array([True, True, False, True]))},
        {'blur': np.array([0, 2, 2, 0]), 'pose': np.array([1, 1, 1, 1])},
    )
    found = {name: np.array(rows, float) for name, rows in FOUND.items()}
    return eval_widerface(found, truth)


def test_false_positives(evaluation):
    """1 found, 1 double; then the miss in b; then both others at 0.5."""
    found = false_positives_at_recall(
        evaluation, 'all', (1 / 3, 0.34, 2 / 3, 1)
    )
    assert list(found.values()) == [0, 2, 2, 2]
    none = false_positives_at_recall(evaluation, 'all', (0.1, 0.95))
    assert none == {0.1: 0, 0.95: 2}


def test_recall_that_is_not_reached(evaluation):
    few = {'a': np.array([[0, 0, 9, 9, 0.9], [0, 0, 9, 9, 0.8]])}
    with pytest.warns(UserWarning, match='no predictions'):
        result = eval_widerface(few, evaluation.ground_truth)
    found = false_positives_at_recall(result, 'all', (0.3, 0.4))
    assert found == {0.3: 0, 0.4: None}


def test_overlaps(evaluation):
    """Of the tighter thresholds only the exact boxes remain."""
    found = ap_by_iou(evaluation, 'all', (0.5, 0.7, 0.71))
    # 3 found of 6 that count: 1/3 at precision 1, 2/3 at 3/5.
    assert found[0.5] == found[0.7] == pytest.approx(1 / 3 + 2 / 3 * 3 / 5)
    # The box at 0.7 is now a false positive.
    assert found[0.71] == pytest.approx(1 / 3 + 1 / 3 * 2 / 5)


def test_heights(evaluation):
    """Corners are 9, 19 and 39 apart; false positives stay in their band."""
    found = ap_by_height(evaluation, 'all', (16, 32))
    # 0-16: the hit, its double, the false one in b. 16-32: alone. 32+: the
    # hit and after it the false one in a.
    assert found == {'0-16': 1, '16-32': 1, '32+': 1}
    lower = ap_by_height(evaluation, 'all', (9, 10, 300))
    assert list(lower) == ['9-10', '10-300']
    assert lower == {'9-10': 1, '10-300': 1}


def test_false_positives_of_a_band():
    """A false positive above the hit, of the same height or another."""
    truth = FaceSet(
        ['a'],
        {'all': FaceSetting([corners(FACES['b'])], np.array([True]))},
    )
    for height, ap in ((39, 0.5), (20, 1)):
        rows = [[300, 0, 9, height, 0.9], [0, 0, 9, 39, 0.4]]
        result = eval_widerface({'a': np.array(rows, float)}, truth)
        assert ap_by_height(result, 'all', (32,)) == {'32+': ap}


def test_attributes(evaluation):
    found = ap_by_attribute(evaluation, 'all')
    assert list(found) == ['blur', 'pose']
    assert found['pose'] == {'atypical': evaluation.ap['all']}
    # Heavy blur: one face, found after the false one in b (the hits of the
    # other faces leave).
    assert found['blur'] == {
        'clear': pytest.approx(1 / 2 + 1 / 2 * 2 / 4),
        'heavy': 1 / 2,
    }


def test_worst_images(evaluation):
    score, images = worst_images(evaluation, 'all')
    assert score == 0.5
    assert [tuple(x) for x in images] == [('a', 0, 1), ('b', 0, 1)]
    assert worst_images(evaluation, 'all', 1)[1] == images[:1]


def test_no_detections(evaluation):
    with pytest.warns(UserWarning, match='no '):
        result = eval_widerface({}, evaluation.ground_truth)
    score, images = worst_images(result, 'all')
    assert score == np.inf
    assert [tuple(x) for x in images] == [('a', 2, 0), ('b', 1, 0)]
    assert set(false_positives_at_recall(result, 'all').values()) == {None}
    assert bootstrap_ap(result, 'all', 10) == (0, 0)


def test_bootstrap():
    """Independent images, of which 70 % are right: a known spread."""
    num = 400
    box = corners([[0, 0, 29, 29]])
    names = [str(i) for i in range(num)]
    truth = FaceSet(
        names, {'all': FaceSetting([box] * num, np.ones(num, bool))}
    )
    rng = np.random.default_rng(1)
    right = rng.random(num) < 0.7
    found = {
        name: np.array([[0, 0, 29, 29, s]]) if ok else np.empty((0, 5))
        for name, ok, s in zip(names, right, rng.uniform(0.1, 1, num))
    }
    result = eval_widerface(found, truth)
    # All are hits, so that the AP is the recall.
    share = right.mean()
    assert result.ap['all'] == pytest.approx(share, abs=1e-6)
    low, high = bootstrap_ap(result, 'all', 2000)
    half = 1.96 * np.sqrt(share * (1 - share) / num)
    assert (low, high) == pytest.approx((share - half, share + half), abs=6e-3)
    assert bootstrap_ap(result, 'all', 50) == bootstrap_ap(result, 'all', 50)
