"""Statistics of faces against hand calculations and the known table."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsrn.datasets.face_statistics import face_statistics
from mmsrn.evaluation.readers import read_dark_face


def test_by_hand():
    found = face_statistics(
        [
            np.array([[0, 0, 4, 9], [1, 2, 17, 18], [5, 5, 5, 9]]),
            np.empty((0, 4)),
            np.array([[10, 10, 12, 18]]),
        ]
    )
    assert found.sizes.tolist() == [6, 16, 4]
    assert found.counts.tolist() == [3, 0, 1]
    numbers = found.numbers()
    assert numbers == dict(
        images=3,
        faces=4,
        without_area=1,
        faces_per_image=4 / 3,
        faces_per_image_median=1,
        faces_per_image_max=3,
        images_without_faces=1,
        size_p1=pytest.approx(4.04),
        size_p5=pytest.approx(4.2),
        size_p25=5,
        size_p50=6,
        size_p75=11,
        size_p95=pytest.approx(15),
        size_p99=pytest.approx(15.8),
        under_8px=2 / 3,
        under_16px=2 / 3,
        height_over_width=2.25,
    )


def test_nothing():
    for boxes in ([], [np.empty((0, 4))], [np.array([[1, 1, 1, 2]])]):
        numbers = face_statistics(boxes).numbers()
        assert numbers['images'] == len(boxes)
        assert math.isnan(numbers['size_p50'])
        assert math.isnan(numbers['height_over_width'])


@given(
    st.lists(
        st.lists(st.tuples(*[st.integers(1, 99)] * 4), max_size=5), max_size=6
    )
)
def test_order_and_place_change_nothing(images):
    boxes = [
        np.array([[x, y, x + w, y + h] for x, y, w, h in faces]).reshape(-1, 4)
        for faces in images
    ]
    moved = [x[::-1] + [3, 5, 3, 5] for x in boxes[::-1]]
    ours, theirs = (face_statistics(x).numbers() for x in (boxes, moved))
    assert ours == pytest.approx(theirs, nan_ok=True)


@pytest.mark.parametrize(
    'lists, faces, sizes',
    [
        (['train'], 36_733, [2.8, 4.0, 7.0, 11.4, 19.0, 38.8, 66.5]),
        (['train', 'test'], 43_849, [2.8, 4.0, 7.0, 11.5, 19.0, 38.9, 67.2]),
    ],
)
def test_dark_face(shared, lists, faces, sizes):
    """The table that the set is described by."""
    boxes = []
    for name in lists:
        file = shared / f'data/darkface/split_5000_1000_{name}.txt'
        boxes += read_dark_face(file).settings['ap'].faces
    numbers = face_statistics(boxes).numbers()
    assert numbers['faces'] == faces
    found = [numbers[f'size_p{x}'] for x in (1, 5, 25, 50, 75, 95, 99)]
    assert [round(x, 1) for x in found] == sizes
    assert round(numbers['under_8px'], 2) == 0.32
    assert round(numbers['under_16px'], 2) == 0.67
    assert round(numbers['height_over_width'], 2) == 1.08
