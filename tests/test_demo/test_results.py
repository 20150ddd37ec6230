"""The picture, the table and the line about the faces."""

import dataclasses

import numpy as np
import pytest

from mmsrn.apis import Faces
from mmsrn.demo.examination import fit, reduce_photo, select_faces
from mmsrn.demo.results import TABLE_HEADER, describe, draw, table

FACES = Faces(
    boxes=np.array([[10.4, 9.6, 30, 90], [0, 0, 10, 10]], np.float32),
    scores=np.array([0.98765, 0.5], np.float32),
    photo=np.full((100, 120, 3), (200, 0, 0), np.uint8),
    name='a.jpg',
    timing=dict(read=9.0, enhance=0.25, detect=0.5),
)


def test_table():
    rows = table(FACES)
    assert rows == [[1, 0.988, 10, 10, 20, 80], [2, 0.5, 0, 0, 10, 10]]
    assert {len(x) for x in rows} == {len(TABLE_HEADER)}
    # Numbers that json knows.
    assert {type(x) for row in rows for x in row} == {int, float}
    assert table(select_faces(FACES, 1, 0)) == []


@pytest.mark.parametrize(
    'score_thr, enhancement, expected',
    [
        (0, None, '2 faces of 10 to 40 px · a.jpg, 120 x 100 px · 0.75 s'),
        (0.6, None, '1 face of 40 px · a.jpg, 120 x 100 px · 0.75 s'),
        (
            1,
            'lime',
            'No face · a.jpg, 120 x 100 px · enhanced with lime · 0.75 s',
        ),
    ],
)
def test_describe(score_thr, enhancement, expected):
    faces = select_faces(FACES, score_thr, 0)
    faces = dataclasses.replace(faces, enhancement=enhancement)
    assert describe(faces) == expected


@pytest.mark.parametrize(
    'shape, expected',
    [
        ((960, 100), (960, 100)),
        ((1000, 1600), (1000, 1600)),
        ((800, 3200), (400, 1600)),
        ((240, 480), (480, 960)),
        ((1, 1), (960, 960)),
        ((1, 40000), (1, 1600)),
    ],
)
def test_fit(shape, expected):
    image, zoom = fit(np.zeros((*shape, 3), np.uint8))
    assert image.shape[:2] == expected
    assert zoom == max(expected) / max(shape)


def test_drawn_on_the_enlarged_photo():
    picture = draw(FACES)
    assert picture.shape == (800, 960, 3)
    # RGB of a photo in BGR.
    assert picture[-1, -1].tolist() == [0, 0, 200]
    changed = (picture != [0, 0, 200]).any(2)
    # Lines of both boxes, eight times as far out, and nothing between them.
    for row, column in ((400, 83), (400, 240), (720, 160), (40, 80)):
        assert changed[row - 1 : row + 2, column - 1 : column + 2].any()
    assert not changed[400, 90:230].any() and not changed[500:710, 160].any()


def test_what_a_session_keeps_shows_the_same():
    """Of a large photo it is a small part."""
    photo = np.random.default_rng(0).integers(0, 256, (900, 4000, 3), np.uint8)
    faces = dataclasses.replace(FACES, photo=photo)
    kept = reduce_photo(faces)
    assert kept.photo.nbytes * 6 < photo.nbytes
    assert kept.to_dict() == faces.to_dict()
    assert describe(kept) == describe(faces) and table(kept) == table(faces)
    np.testing.assert_array_equal(draw(kept), draw(faces))
    assert select_faces(kept, 0.6, 0).size == (4000, 900)
