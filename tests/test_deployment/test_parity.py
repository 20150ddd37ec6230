"""Sets of candidates side by side."""

import numpy as np
import pytest

from mmsrn.deployment.parity import compare

# x1, y1, x2, y2, score, label
ONE = np.array(
    [
        [0, 0, 10, 10, 0.9, 0],
        [0, 0, 10, 10, 0.5, 0],
        [0, 0, 10, 10, 0.5, 1],
        [40, 40, 140, 60, 0.2, 0],
    ]
)


def test_order_does_not_matter():
    same = compare(ONE, ONE[[3, 1, 0, 2]])
    assert (same.num, same.surplus) == (4, 0)
    assert same.score == same.box == same.relative == 0
    assert same.within(0)


def test_greatest_differences():
    other = ONE[::-1].copy()
    other[0, 4] += 0.03  # of [40, 40, 140, 60]
    other[0, 0] -= 2
    found = compare(ONE, other)
    assert found.score == pytest.approx(0.03)
    assert found.box == pytest.approx(2)
    assert found.relative == pytest.approx(2 / 100)
    assert not found.within(0.029)
    assert found.within(0.0301)
    assert '4 boxes, +0' in str(found)


@pytest.mark.parametrize('kept', [[0, 1, 2], [0, 1, 3]])
def test_missing_ones(kept):
    """Even if a box of another class or score lies at the same place."""
    found = compare(ONE, ONE[kept])
    assert found.surplus == -1
    assert not found.within(1000)
    assert compare(ONE[kept], ONE).surplus == 1


def test_replaced_one():
    other = ONE.copy()
    other[2] = other[1]  # another label
    found = compare(ONE, other)
    assert found.surplus == 0
    assert not found.within(1e-4)


def test_empty_sets():
    assert compare(ONE[:0], ONE[:0]).within(0)
    assert not compare(ONE, ONE[:0]).within(1)
    assert not compare(ONE[:0], ONE).within(1)
