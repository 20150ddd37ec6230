"""Methods by name, and their parameters."""

import pickle

import numpy as np
import pytest

from mmsrn.enhance import (
    METHODS,
    adaptive_gamma,
    gamma_correction,
    gimp_sigmas,
    linear_gain,
    make_enhancer,
    msrcr,
    parameters,
    parse_params,
)
from mmsrn.enhance._stretch import rank


def test_enhancers(drawn):
    for name, function in METHODS.items():
        if name != 'lime':
            enhancer = pickle.loads(pickle.dumps(make_enhancer(name)))
            assert (enhancer(drawn) == function(drawn)).all()
    gimp = make_enhancer('msrcr', form='gimp', sigmas=[2, 102, 202])
    assert (gimp(drawn) == msrcr(drawn, 'gimp', (2, 102, 202))).all()
    assert parameters('gamma') == {'gamma': 1 / 2.2}


@pytest.mark.parametrize(
    'method, params, text',
    [
        ('retinx', {}, "unknown method 'retinx'"),
        ('msrcx', {}, 'did you mean msrcr'),
        ('gamma', dict(gama=1), 'did you mean gamma'),
        ('gamma', dict(gamma=0), 'gamma must be above 0, not 0'),
        ('gamma', dict(gamma='x'), "gamma must be a number, not 'x'"),
        ('linear_gain', dict(gain=float('nan')), 'gain must be a number'),
        ('linear_gain', dict(offset=300), 'at least -255 and at most 255'),
        ('msrcr', dict(form='x'), 'form must be one of jobson, minmax, gimp'),
        ('msrcr', dict(form='gimp', low_clip=0.1), "'gimp' has no low_clip"),
        ('msrcr', dict(dynamic=2), "'jobson' has no dynamic"),
        ('msrcr', dict(sigmas=[]), 'sigmas must be numbers'),
        ('msrcr', dict(sigmas='ab'), 'sigmas must be numbers'),
        ('msrcr', dict(sigmas=[3, -1]), 'sigmas must be above 0, not -1'),
        ('msrcr', dict(alpha=0), 'alpha must be above 0'),
        ('msrcp', dict(low_clip=0.9, high_clip=0.5), 'below high_clip'),
        ('msr', dict(blur='box'), 'blur must be one of'),
        ('adaptive_gamma', dict(form='agcwd', target=1), 'has no target'),
        ('adaptive_gamma', dict(form='mean', alpha=1), 'has no alpha'),
        ('adaptive_gamma', dict(form='mean', target=1), 'below 1'),
        ('hist_eq', dict(space='rgb'), 'space must be one of bgr, lab'),
        ('clahe', dict(tiles=0), 'tiles must be a whole number'),
        ('lime', dict(strategy=4), 'strategy must be 1, 2 or 3'),
        ('lime', dict(window=4), 'window must be odd'),
        ('mf', dict(levels=0), 'levels must be a whole number of at'),
    ],
)
def test_wrong_parameters(method, params, text):
    with pytest.raises(ValueError, match=text):
        make_enhancer(method, **params)


def test_command_line():
    texts = ['form=gimp', 'sigmas=[2,102.5]', 'alpha=1e2', 'blur=exact']
    assert parse_params(texts) == {
        'form': 'gimp',
        'sigmas': [2, 102.5],
        'alpha': 100.0,
        'blur': 'exact',
    }
    for text in ('form', '=3', 'form='):
        with pytest.raises(ValueError, match='must have the form NAME=VALUE'):
            parse_params([text])
    with pytest.raises(ValueError, match='gain is given twice'):
        parse_params(['gain=1', 'gain=2'])


def test_scales_of_gimp():
    assert gimp_sigmas() == (2, 82, 162)
    assert gimp_sigmas(300) == (2, 102, 202)
    assert gimp_sigmas(240, 1) == (120,)
    assert gimp_sigmas(240, 2, 'low') == (120, 240)
    # t = ln(238) / 3 = 1.824; 10^(t / ln 10) = e^t.
    low = gimp_sigmas(240, 3, 'low')
    assert low == pytest.approx((3, 2 + 238 ** (1 / 3), 2 + 238 ** (2 / 3)))
    assert gimp_sigmas(240, 3, 'high') == pytest.approx([242 - x for x in low])
    with pytest.raises(ValueError, match='num must be a whole number'):
        gimp_sigmas(num=0)


def test_curves_by_hand():
    levels = np.uint8([[0, 1, 64, 255]])
    assert gamma_correction(levels, 0.5).tolist() == [[0, 16, 128, 255]]
    assert linear_gain(levels, 2, 5).tolist() == [[5, 7, 133, 255]]
    # Mean 51, a fifth of white, to two fifths: gamma = log 0.4 / log 0.2.
    image = np.full((2, 2, 3), 51, np.uint8)
    assert (adaptive_gamma(image, 'mean') == 102).all()
    # Hue and saturation stay: all channels times two.
    image[0, 0] = (50, 20, 51)
    out = adaptive_gamma(image, 'mean')
    assert out[0, 0].tolist() == [100, 40, 102]


@pytest.mark.parametrize('share', [0.0, 0.01, 0.1, 0.29, 0.5, 0.99, 1.0])
def test_ranks(share):
    """The last index with a share of less than that below it."""
    for total in (1, 2, 10, 100, 777):
        fitting = [i for i in range(total) if i / total < share]
        assert rank(share, total) == (fitting[-1] if fitting else 0)
