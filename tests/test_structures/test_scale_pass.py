"""The published schedule: worked examples, and what holds for all images."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.dataset import pseudo_collate

from mmsrn.structures import Passes, ScalePass, published_passes


@pytest.mark.parametrize(
    'width, height, max_size, scales',
    [
        (1024, 768, 2100, [1, 1, 0.5, 1.5, 2.25, 2.368]),
        (1024, 768, 1400, [1, 1, 0.5, 1.5, 1.5787]),
        (1080, 720, 2100, [1, 1, 0.5, 1.5, 2.25, 2.3814]),
        (1024, 1024, 1400, [1, 1, 0.5, 1.3672]),
        (2048, 1536, 1400, [0.7893, 0.7893, 0.592, 0.3947]),
    ],
)
def test_worked_examples(width, height, max_size, scales):
    passes = published_passes(height, width, max_size)
    assert [x.scale for x in passes] == pytest.approx(scales, abs=5e-5)
    assert [x.flip for x in passes] == [i == 1 for i in range(len(passes))]


def test_limits_of_a_small_image():
    first, flipped, half, *enlarged = published_passes(720, 1080, 2100)
    assert first == ScalePass() and flipped == ScalePass(flip=True)
    assert half == ScalePass((0.5,), longer_than=30)
    assert [x.shorter_than for x in enlarged] == [100] * 3
    assert [x.longer_than for x in enlarged] == [0] * 3
    assert [x.resizes for x in enlarged[:2]] == [(1.5,), (2.25,)]


def test_limits_of_a_large_image():
    first, flipped, three, two = published_passes(1536, 2048, 1400)
    ratio = math.sqrt(1400**2 / 2048 / 1536)
    assert first == ScalePass((ratio,))
    assert flipped == ScalePass((ratio,), flip=True)
    assert three == ScalePass((ratio, 0.75), longer_than=30)
    assert two == ScalePass((ratio, 0.5), longer_than=30)


def test_an_image_of_exactly_the_bound_is_large():
    assert published_passes(1400, 1400, 1400)[0].resizes == (1.0,)
    assert published_passes(1399, 1400, 1400)[0].resizes == ()


def test_enlargement_that_meets_the_bound_exactly_is_done_twice():
    """As published: 1.5 fits, and so does the final scale, 1.5."""
    scales = [x.scale for x in published_passes(1000, 1000, 1500)]
    assert scales == [1, 1, 0.5, 1.5, 1.5]


SIDE = st.integers(1, 20_000)


@given(SIDE, SIDE, st.sampled_from([64, 1400, 2100]))
def test_no_pass_exceeds_the_bound(height, width, max_size):
    passes = published_passes(height, width, max_size)
    areas = [x.scale**2 * height * width for x in passes]
    assert max(areas) <= max_size**2 * (1 + 1e-9)
    assert max(areas) == pytest.approx(max_size**2)
    assert sum(x.flip for x in passes) == 1
    assert passes[0].scale == passes[1].scale <= 1


def test_passes_are_left_alone_in_a_batch():
    """Two images of different numbers of passes."""
    batch = pseudo_collate([{'a': Passes([1, 2])}, {'a': Passes([3])}])
    first, second = batch['a']
    assert list(first) == [1, 2] and len(second) == 1 and second[0] == 3
    assert repr(pickle.loads(pickle.dumps(first))) == 'Passes([1, 2])'


def test_names():
    assert str(ScalePass((0.5, 0.75))) == 'x0.375'
    assert str(ScalePass(flip=True)) == 'x1 flipped'
