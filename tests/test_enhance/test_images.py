"""What every method does with unusual images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mmsrn.enhance import METHODS, make_enhancer

SHAPES = [(1, 1), (1, 7), (5, 1), (2, 2), (3, 50), (33, 40)]

IMAGES = st.one_of(
    array_shapes(min_dims=2, max_dims=2, max_side=12),
    array_shapes(min_dims=2, max_dims=2, max_side=12).map(lambda x: (*x, 3)),
).flatmap(lambda shape: arrays(np.uint8, shape))


@pytest.fixture(params=list(METHODS))
def method(request):
    return METHODS[request.param]


@pytest.mark.parametrize('name', METHODS)
@settings(max_examples=40)
@given(IMAGES)
def test_any_image(name, image):
    before = image.copy()
    with np.errstate(all='raise', under='ignore'):
        out = METHODS[name](image)
    assert out.dtype == np.uint8 and out.shape == image.shape
    assert out.flags.c_contiguous and not np.shares_memory(out, image)
    assert (image == before).all()


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('depth', [(), (3,)])
def test_black_and_white(method, shape, depth):
    black = method(np.zeros((*shape, *depth), np.uint8))
    assert not black.any()
    white = method(np.full((*shape, *depth), 255, np.uint8))
    # The fusion averages three versions, of which one is 0.94 of white.
    least = 245 if method is METHODS['mf'] else 255
    assert white.min() >= least


def test_flat_channel(method, drawn):
    """A constant channel divides nothing by zero."""
    image = drawn.copy()
    image[..., 1] = 40
    with np.errstate(all='raise', under='ignore'):
        out = method(image)
    assert out.shape == image.shape


@pytest.mark.parametrize('name', ['msrcr', 'msr', 'automated_msrcr'])
def test_flat_channel_is_left(name, drawn):
    image = drawn.copy()
    image[..., 1] = 40
    kwargs = {'msrcr': dict(alpha=1e6)}.get(name, {})
    out = METHODS[name](image, **kwargs)
    if name != 'msrcr':  # whose colour term varies
        assert (out[..., 1] == 40).all()
    assert np.ptp(out[..., 0]) > 100


def test_brightening(dark):
    for name in METHODS:
        assert METHODS[name](dark).mean() > 1.15 * dark.mean(), name


def test_grey(method, drawn):
    """A grey image, and the same in three channels, give the same."""
    if method is METHODS['clahe']:  # L of Lab is another curve than grey
        method = make_enhancer('clahe', space='ycrcb')
    grey = np.ascontiguousarray(drawn[..., 1])
    colored = method(np.stack([grey] * 3, axis=2))
    gap = np.abs(colored.astype(int) - method(grey)[..., None])
    assert gap.max() <= 1


def test_views(method, drawn):
    """Strides and rows in reverse are pixels like others."""
    view = drawn[::-1, ::2]
    assert not view.flags.c_contiguous
    assert (method(view) == method(view.copy())).all()
    flipped = drawn[..., ::-1]
    assert (method(flipped) == method(flipped.copy())).all()


@pytest.mark.parametrize(
    'image, error, text',
    [
        (np.zeros((4, 4), np.float32), TypeError, 'uint8.*not float32'),
        (np.zeros((4, 4, 4), np.uint8), ValueError, r'shape.*\(4, 4, 4\)'),
        (np.zeros((4, 4, 1), np.uint8), ValueError, r'shape.*\(4, 4, 1\)'),
        (np.zeros(4, np.uint8), ValueError, 'shape'),
        (np.zeros((0, 4, 3), np.uint8), ValueError, 'no pixels'),
        ([[1, 2]], TypeError, 'NumPy array, not list'),
    ],
)
def test_no_image(method, image, error, text):
    with pytest.raises(error, match=text):
        method(image)
