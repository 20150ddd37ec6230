"""The dark photograph, against the formula pixel by pixel."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsrn.low_light import Lamp, LowLight, simulate_low_light

STEADY = dict(electrons=1e10, read_noise=0.0, bits=16)


def decode(value):
    value /= 255
    if value <= 0.04045:
        return value / 12.92
    return ((value + 0.055) / 1.055) ** 2.4


def encode(value):
    if value <= 0.0031308:
        return 12.92 * value
    return 1.055 * value ** (1 / 2.4) - 0.055


def by_hand(image, light):
    """Without noise, one channel of one pixel at a time."""
    out = np.zeros_like(image)
    height, width = image.shape[:2]
    steps = 2**light.bits - 1
    for y, x, c in np.ndindex(*image.shape):
        falling = light.exposure * light.color[c]
        front = 0.0
        for lamp in light.lamps:
            distance = math.hypot(
                x + 0.5 - lamp.x * width, y + 0.5 - lamp.y * height
            )
            above = lamp.height * max(height, width)
            ray = math.hypot(distance, above)
            # Inverse square law, and the cosine at which the ray arrives.
            falling += (lamp.strength * lamp.color[c] * (above / ray) ** 2) * (
                above / ray
            )
            bulb = distance / (0.06 * above)
            front += lamp.glow * lamp.color[c] * math.exp(-(bulb**2) / 2)
        value = min(decode(float(image[y, x, c])) * falling + front, 1)
        value = round(value * steps) / steps
        out[y, x, c] = round(255 * encode(value**light.gamma))
    return out


@pytest.mark.parametrize(
    'light',
    [
        LowLight(exposure=0.1, **STEADY),
        LowLight(exposure=0.02, color=(0.5, 1, 2), gamma=1.3, **STEADY),
        LowLight(exposure=0.3, **{**STEADY, 'bits': 6}),
        LowLight(
            exposure=0.01,
            lamps=(
                Lamp(0.3, 0.4, 0.2, 0.9, (0.6, 1, 1.5), 3),
                Lamp(1.1, -0.1, 0.5, 2.0),
            ),
            **STEADY,
        ),
    ],
)
def test_against_the_formula(light):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (12, 17, 3), np.uint8)
    dark = simulate_low_light(image, light, rng)
    assert dark.dtype == np.uint8 and dark.shape == image.shape
    # Half-way values may fall to either side: the noise of 1e10 electrons.
    wrong = np.abs(dark.astype(int) - by_hand(image, light))
    assert wrong.max() <= 1 and (wrong > 0).mean() < 0.01


def test_full_light_changes_nothing():
    image = np.arange(768).reshape(16, 16, 3).astype(np.uint8)
    light = LowLight(exposure=1, **STEADY)
    dark = simulate_low_light(image, light, np.random.default_rng(0))
    np.testing.assert_array_equal(dark, image)


def test_one_stop_at_a_time():
    image = np.full((64, 64, 3), 230, np.uint8)
    means = [
        simulate_low_light(
            image, LowLight(2.0**-k, **STEADY), np.random.default_rng(0)
        ).mean()
        for k in range(8)
    ]
    linear = [decode(x) for x in means]
    for one, next_one in zip(linear, linear[1:]):
        assert next_one == pytest.approx(one / 2, rel=0.05)


def test_noise_is_that_of_electrons():
    """Variance of counts: their mean and that of the read noise."""
    level = 188  # 0.502 in linear light
    image = np.full((300, 300, 3), level, np.uint8)
    light = LowLight(exposure=0.4, electrons=900, read_noise=7, bits=16)
    dark = simulate_low_light(image, light, np.random.default_rng(1))
    counts = 900 * np.vectorize(decode)(dark.astype(float))
    expected = 900 * 0.4 * decode(float(level))
    assert counts.mean() == pytest.approx(expected, rel=0.01)
    # One grey level is a few electrons wide here, hence the twelfth.
    step = 900 * (decode(125.0) - decode(124.0))
    assert counts.var() == pytest.approx(
        expected + 49 + step**2 / 12, rel=0.03
    )


def test_lamps_light_what_is_near():
    image = np.full((90, 160, 3), 128, np.uint8)
    lamp = Lamp(0.25, 0.5, 0.1, 1.0, (0.5, 1, 1.6))
    light = LowLight(exposure=0.005, lamps=(lamp,), **STEADY)
    dark = simulate_low_light(image, light, np.random.default_rng(0))
    near, far = dark[40:50, 35:45].mean((0, 1)), dark[40:50, 140:].mean((0, 1))
    assert (near > 5 * far).all()
    assert near[2] > near[1] > near[0]  # its colour


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([0, 1, 127, 255]),
    st.integers(0, 2**32 - 1),
)
def test_any_image(height, width, value, seed):
    image = np.full((height, width, 3), value, np.uint8)
    lamps = (Lamp(0.5, 0.5, 0.3, 1, glow=1),)
    light = LowLight(0.05, lamps=lamps, electrons=100, read_noise=20)
    dark, again = (
        simulate_low_light(image, light, np.random.default_rng(seed))
        for _ in range(2)
    )
    assert dark.dtype == np.uint8 and dark.shape == image.shape
    np.testing.assert_array_equal(dark, again)
    assert (image == value).all()  # the input is left alone


@pytest.mark.parametrize(
    'image',
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)],
)
def test_other_images_are_refused(image):
    with pytest.raises(TypeError, match='needs a uint8 image of three'):
        simulate_low_light(image, LowLight(), np.random.default_rng(0))


@pytest.mark.parametrize(
    'wrong',
    [
        dict(exposure=-1),
        dict(electrons=0),
        dict(gamma=0),
        dict(bits=17),
        dict(read_noise=-1),
    ],
)
def test_impossible_cameras_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LowLight(**wrong)


def test_impossible_lamps_are_refused():
    with pytest.raises(ValueError, match='height'):
        Lamp(0, 0, 0, 1)
