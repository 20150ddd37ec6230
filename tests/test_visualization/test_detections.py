"""Matches, and their colours in the picture."""

import numpy as np
import pytest

from mmsrn.visualization import (
    ComparedDetections,
    draw_detections,
    match_detections,
)
from mmsrn.visualization.detections import FALSE, HIT, IGNORED, MISS

NONE = np.zeros((0, 4))
FACES = np.array([[10, 10, 30, 30], [60, 10, 80, 30]], float)
HIDDEN = np.array([[10, 60, 30, 80]], float)


def test_matches():
    boxes = np.array(
        [
            [10, 10, 30, 30],  # on the first face
            [12, 10, 32, 30],  # again: a double
            [10, 60, 30, 80],  # on the face that does not count
            [11, 60, 31, 80],  # and again: does not count either
            [40, 40, 50, 50],  # on nothing
            [60, 10, 80, 19],  # too small: IoU 0.45
        ],
        float,
    )
    verdict, found = match_detections(boxes, FACES, HIDDEN)
    assert verdict.tolist() == [1, -1, 0, 0, -1, -1]
    assert found.tolist() == [True, False]
    verdict, found = match_detections(boxes, FACES, HIDDEN, iou_thr=0.45)
    assert verdict.tolist() == [1, -1, 0, 0, -1, 1]
    assert found.all()


@pytest.mark.parametrize('faces, found', [(NONE, []), (FACES, [False] * 2)])
def test_nothing_to_match(faces, found):
    verdict, there = match_detections(NONE, faces, NONE)
    assert len(verdict) == 0 and there.tolist() == found
    verdict, there = match_detections(HIDDEN, faces, NONE)
    assert verdict.tolist() == [-1] and there.tolist() == found
    assert match_detections(HIDDEN, faces, HIDDEN)[0].tolist() == [0]


def places(picture, color):
    """Box around the pixels of a colour; None if there are none."""
    y, x = (picture == color).all(2).nonzero()
    return [x.min(), y.min(), x.max(), y.max()] if len(x) else None


@pytest.mark.parametrize('zoom', [1, 2])
def test_colors(zoom):
    image = np.full((100, 120, 3), 90, np.uint8)
    before = image.copy()
    boxes = np.vstack([FACES[:1], HIDDEN, [[90, 60, 110, 80]], FACES[1:]])
    scores = np.array([0.9, 0.8, 0.7, 0.29])
    picture = draw_detections(image, boxes, scores, FACES, HIDDEN, zoom=zoom)
    assert picture.shape == (100 * zoom, 120 * zoom, 3)
    assert (image == before).all()
    for color, box in (
        (HIT, FACES[0]),
        (IGNORED, HIDDEN[0]),
        (FALSE, boxes[2]),
        (MISS, FACES[1]),  # its detection scores too little
    ):
        found = np.array(places(picture, color))
        if color == FALSE:  # the score stands above it
            found[1] = max(found[1], box[1] * zoom)
        assert abs(found - box * zoom).max() <= 2
    # Corners alone show a miss.
    middle = picture[10 * zoom, 70 * zoom]
    assert middle.tolist() == [90, 90, 90]


def test_the_best_score_takes_the_face():
    image = np.zeros((100, 120, 3), np.uint8)
    boxes = np.array([[60, 10, 82, 30], [60, 10, 80, 30]], float)
    picture = draw_detections(
        image, boxes, np.array([0.5, 0.6]), FACES[1:], zoom=1
    )
    assert picture[20, 61].tolist() == list(HIT)
    assert picture[20, 82].tolist() == list(FALSE)


def test_empty():
    image = np.full((20, 30, 3), 7, np.uint8)
    picture = draw_detections(image, NONE, np.zeros(0), NONE, zoom=1)
    assert (picture == 7).all()


def test_compared_detections():
    """Counts from a score on, and a picture large enough to see them."""
    faces = np.array([[10.0, 10, 30, 30], [50, 50, 70, 70]])
    ignored = np.array([[80.0, 10, 95, 25]])
    boxes = np.vstack([faces[:1], ignored, faces[:1] + 40, faces[:1]])
    scores = np.array([0.5, 0.6, 0.2, 0.9])
    some = ComparedDetections(boxes, scores, faces, ignored, 0.3)
    assert (some.hits, some.misses, some.false) == (1, 1, 1)  # one is double
    assert list(some.scores) == [0.9, 0.6, 0.5]
    every = ComparedDetections(boxes, scores, faces, ignored, 0)
    assert str(every) == '2 of 2 found, 1 false'
    image = np.full((80, 100, 3), 90, np.uint8)
    picture = every.draw(image)
    assert picture.shape == (800, 1000, 3)
    assert (picture != some.draw(image)).any()
