"""From boxes of teachers to faces of a list."""

import numpy as np
import pytest

from mmsrn.pseudo_labels import Rule


def label(*rows, **kwargs):
    rule = Rule(**dict(dict(sure=(0.6,), unsure=(0.3,), agree=1), **kwargs))
    return rule([np.array(rows, float).reshape(-1, 5)], 100, 80)


def test_faces():
    labels = label([10.4, 20.6, 30.6, 50.4, 0.9], [60, 10, 80, 40, 0.4])
    # 10 to 31 and 21 to 50; the other one is not sure.
    assert labels.faces() == [
        (10, 21, 21, 29, 0, 0, 0, 0, 0, 0),
        (60, 10, 20, 30, 0, 0, 0, 1, 0, 0),
    ]


def test_inside_the_photo():
    labels = label([-5, -3, 120, 90, 0.9])
    assert labels.boxes.tolist() == [[0, 0, 100, 80]]
    labels = label([99.6, 20, 99.9, 30, 0.9], min_size=0)
    assert labels.boxes.tolist() == [[99, 20, 1, 10]]


def test_small_faces_are_unsure():
    labels = label([0, 0, 3, 9, 0.9], [20, 0, 24, 9, 0.9])
    assert labels.sure.tolist() == [False, True]
    labels = label([0, 0, 3, 9, 0.9], min_size=2)
    assert labels.sure.tolist() == [True]


def test_no_face():
    assert label().faces() == []


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(sure=(0.2,)), 'sure 0.2: must be from unsure, 0.3, to 1'),
        (dict(unsure=(0.05,)), 'unsure 0.05: must be from 0.1'),
        (dict(sure=(1.1,)), 'sure 1.1'),
        (dict(agree=2), 'agree 2: must be from 1 to the number of teachers'),
        (dict(iou=0), 'iou 0: must be above 0'),
        (dict(min_size=-1), 'min_size -1'),
    ],
)
def test_errors(change, message):
    with pytest.raises(ValueError, match=message):
        label(**change)
