"""The fast blur against OpenCV's."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsrn.enhance import gaussian_surround, msrcr
from tests.oracles.enhance_formulas import blur


@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.floats(0.3, 400),
    st.integers(0, 2**32 - 1),
)
def test_it_is_the_gaussian_of_opencv(height, width, sigma, seed):
    rng = np.random.default_rng(seed)
    planes = rng.integers(1, 257, (2, height, width)).astype(np.float32)
    found = gaussian_surround(planes, sigma)
    assert found.dtype == np.float32 and found.shape == planes.shape
    for one, plane in zip(found, planes.astype(float)):
        expected = cv2.GaussianBlur(plane, (0, 0), sigma)
        np.testing.assert_allclose(one, expected, rtol=2e-3)


@pytest.mark.parametrize('sigma', [8, 15, 80, 250])
def test_usual_widths(dark, sigma):
    """Relative error on pictures: below 1e-4."""
    planes = np.moveaxis(dark, 2, 0).astype(np.float32) + 1
    found = gaussian_surround(planes, sigma)
    expected = np.stack([blur(x.astype(float), sigma) for x in planes])
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    exact = gaussian_surround(planes, sigma, 'exact')
    assert exact.dtype == np.float64
    np.testing.assert_allclose(exact, expected, rtol=1e-9)


def test_constants_stay():
    planes = np.full((3, 40, 700), 17, np.float32)
    for sigma in (1, 15, 250):
        found = gaussian_surround(planes, sigma)
        np.testing.assert_allclose(found, 17, rtol=1e-5)


def test_borders_are_reflected():
    """Bright columns at the border count as often as with reflect 101."""
    planes = np.ones((1, 60, 200), np.float32)
    planes[..., 0] = 200
    planes[..., -2:] = 100
    expected = cv2.GaussianBlur(planes[0].astype(float), (0, 0), 40)
    np.testing.assert_allclose(
        gaussian_surround(planes, 40)[0], expected, rtol=1e-3
    )


@pytest.mark.parametrize('form', ['jobson', 'minmax', 'gimp'])
def test_final_picture(photo, form):
    """Far above 45 dB; benchmarks.loops measures whole photos."""
    for name in ('234', '644'):
        image = photo(name, 240, 360)
        fast = msrcr(image, form)
        assert cv2.PSNR(fast, msrcr(image, form, blur='exact')) > 70


def test_wrong_arguments():
    planes = np.ones((1, 5, 5), np.float32)
    with pytest.raises(ValueError, match='sigma must be above 0'):
        gaussian_surround(planes, 0)
    with pytest.raises(ValueError, match='blur must be one of fast, exact'):
        gaussian_surround(planes, 3, 'box')
