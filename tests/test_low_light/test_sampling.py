"""Scenes stay in their ranges, and depend on seed and name alone."""

from dataclasses import fields

import cv2
import numpy as np
import pytest

from mmsrn.low_light import LowLightRanges, darken_named, sample_low_light


def draw(count=300, **ranges):
    ranges = LowLightRanges(**ranges)
    rng = np.random.default_rng(0)
    return [sample_low_light(ranges, rng) for _ in range(count)]


def spread(values, low, high):
    """All in the range, and using most of it."""
    assert low <= min(values) and max(values) <= high
    assert max(values) - min(values) >= 0.9 * (high - low)


def test_every_number_is_drawn_from_its_range():
    scenes = draw()
    lamps = [lamp for scene in scenes for lamp in scene.lamps]
    default = LowLightRanges()
    for name in ('exposure', 'electrons', 'read_noise', 'gamma'):
        spread([getattr(x, name) for x in scenes], *getattr(default, name))
    spread([len(x.lamps) for x in scenes], *default.num_lamps)
    for name in ('height', 'strength', 'glow'):
        values = [getattr(x, name) for x in lamps]
        spread(values, *getattr(default, f'lamp_{name}'))
    assert {x.bits for x in scenes} == {default.bits}
    # Even on a logarithmic scale: half of them below the middle one.
    middle = np.sqrt(np.prod(default.exposure))
    below = np.mean([x.exposure < middle for x in scenes])
    assert below == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize('kind', ['', 'lamp_'])
def test_colors(kind):
    ranges = {f'{kind}warmth': (1, 1), f'{kind}tint': (0.5, 0.5)}
    for scene in draw(20, **ranges):
        lights = scene.lamps if kind else [scene]
        for blue, green, red in (x.color for x in lights):
            assert red / blue == pytest.approx(2)
            assert green / np.sqrt(red * blue) == pytest.approx(2**0.5)
            assert red * green * blue == pytest.approx(1)


def test_names_and_seeds():
    image = np.full((20, 30, 3), 128, np.uint8)
    ranges = LowLightRanges()
    one = darken_named(image, 'a.jpg', ranges, 0)
    np.testing.assert_array_equal(darken_named(image, 'a.jpg', ranges, 0), one)
    for name, seed in (('b.jpg', 0), ('a.jpg', 1)):
        assert (darken_named(image, name, ranges, seed) != one).any()


@pytest.mark.parametrize(
    'wrong',
    [
        dict(exposure=(0.2, 0.1)),
        dict(exposure=(0, 0.1)),
        dict(electrons=(1, float('inf'))),
        dict(num_lamps=(-1, 2)),
        dict(warmth=(0, float('nan'))),
        dict(lamp_glow=(1, 2, 3)),
        dict(bits=0),
        dict(bits=12.5),
        dict(exposure=0.1),
        dict(num_lamps=(0.5, 1.5)),
        dict(tint=(-5000, 0)),
    ],
)
def test_impossible_ranges_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LowLightRanges(**wrong)


def test_every_range_has_a_default():
    assert all(x.default is not None for x in fields(LowLightRanges))


def test_as_dark_as_dark_face(shared):
    """The published mean of the set is 13.2, 12.9, 15.5 in BGR."""
    files = sorted((shared / 'data/facemask/images').iterdir())[::2]
    ranges = LowLightRanges()
    means, black, bright = [], [], []
    for file in files:
        image = cv2.imread(str(file), cv2.IMREAD_REDUCED_COLOR_8)
        dark = darken_named(image, file.name, ranges, 0)
        means.append(dark.mean((0, 1)))
        black.append(np.median(dark))
        bright.append(np.quantile(dark, 0.999))
    np.testing.assert_allclose(
        np.mean(means, axis=0), (13.22, 12.89, 15.49), atol=2.5
    )
    # As in the photographs of the set: most of it dark, with bright lights.
    photos = (shared / 'data/darkface/images').glob('*.png')
    photos = [cv2.imread(str(x), cv2.IMREAD_REDUCED_COLOR_2) for x in photos]
    assert np.mean(black) < max(np.median(x) for x in photos)
    assert np.mean(bright) > 90
