"""Dark photos are told by their brightness."""

import numpy as np
import pytest

from mmsrn.apis.enhancement import DARK, brightness, enhance, pick_method
from mmsrn.enhance import METHODS


@pytest.mark.parametrize('size', [(1, 1), (30, 40), (1000, 700), (3, 3000)])
def test_brightness(size):
    """The mean of the greatest channel, at any size."""
    photo = np.zeros((*size, 3), np.uint8)
    photo[..., 1] = 60
    photo[..., 2] = 20
    assert brightness(photo) == pytest.approx(60, abs=0.5)
    photo[: size[0] // 2] = 0
    expected = 60 * (1 - size[0] // 2 / size[0])
    assert brightness(photo) == pytest.approx(expected, abs=1)


def test_pick():
    for value in (0, DARK - 1, DARK, 255):
        photo = np.full((9, 9, 3), value, np.uint8)
        assert pick_method(photo) == (
            'linear_gain' if value < DARK else 'none'
        )


def test_enhance():
    photo = np.random.default_rng(0).integers(0, 50, (40, 50, 3), np.uint8)
    assert enhance(photo, 'none') is photo
    for name, method in METHODS.items():
        np.testing.assert_array_equal(enhance(photo, name), method(photo))
