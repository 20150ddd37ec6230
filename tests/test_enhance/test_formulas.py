"""Each method against a plain transcription of its source."""

import numpy as np
import pytest

from mmsrn import enhance
from tests.oracles import enhance_formulas as formulas


def difference(found, expected):
    """Greatest difference in grey levels, and share of pixels that differ."""
    assert found.shape == expected.shape
    gap = np.abs(found.astype(int) - expected)
    return gap.max(), (gap > 0).mean()


# Levels that are cut, not rounded, fall on either side of a whole number.
RETINEX = [
    ('msrcr', dict(form='jobson'), formulas.msrcr_jobson),
    ('msrcr', dict(form='minmax'), formulas.msrcr_minmax),
    ('msrcr', dict(form='gimp'), formulas.msrcr_gimp),
    ('automated_msrcr', {}, formulas.automated_msrcr),
    ('msr', {}, formulas.multi_scale_retinex),
    ('msrcp', {}, formulas.msrcp),
]


@pytest.mark.parametrize('blur', ['exact', 'fast'])
@pytest.mark.parametrize('method, params, formula', RETINEX)
def test_retinex(dark, method, params, formula, blur):
    found = enhance.METHODS[method](dark, **params, blur=blur)
    most, share = difference(found, formula(dark))
    assert most <= 1
    # Of msrcp many are whole numbers but for rounding: 256 / 3 x 3.
    assert share < (0.002 if blur == 'exact' and method != 'msrcp' else 0.02)


def test_no_bin_is_rare():
    """A smooth image, on which the histogram of MSR has no thin ends."""
    rows, columns = np.mgrid[:60, :90]
    smooth = (80 + 60 * np.sin(rows / 30) * np.cos(columns / 40))[..., None]
    smooth = np.uint8(smooth + (0, 7, 13))
    found = enhance.automated_msrcr(smooth, blur='exact')
    most, share = difference(found, formulas.automated_msrcr(smooth))
    assert most <= 1 and share < 0.002


@pytest.mark.parametrize(
    'method, formula, most',
    [
        ('adaptive_gamma', formulas.agcwd, 1),
        ('lime', formulas.lime, 1),
        ('mf', formulas.multi_fusion, 1),
    ],
)
def test_others(dark, method, formula, most):
    found = enhance.METHODS[method](dark)
    gap, share = difference(found, formula(dark))
    assert gap <= most
    assert share < 0.01


@pytest.mark.parametrize('strategy', [1, 2])
def test_weights_of_lime(drawn, strategy):
    found = enhance.lime(drawn, strategy=strategy)
    most, share = difference(found, formulas.lime(drawn, strategy))
    assert most <= 1 and share < 0.01
    assert (found != enhance.lime(drawn)).any()


def test_histograms(dark):
    expected = np.stack(
        [formulas.equalize(x) for x in np.moveaxis(dark, 2, 0)]
    )
    found = np.moveaxis(enhance.histogram_equalization(dark), 2, 0)
    assert difference(found, expected)[0] == 0
    grey = np.ascontiguousarray(dark[..., 1])
    for clip_limit, tiles in ((2.0, 8), (4.0, 4)):
        found = enhance.clahe(grey, clip_limit, tiles)
        expected = formulas.clahe(grey, clip_limit, tiles)
        assert difference(found, expected)[0] <= 1


def test_constants_that_cancel(dark):
    """G, b, beta and the base of the logarithm do; alpha does not."""
    usual = formulas.msrcr_minmax(dark)
    other = formulas.msrcr_minmax(
        dark, beta=7, gain=192, offset=-3, log=np.log
    )
    assert difference(usual, other)[0] <= 1
    assert difference(usual, other)[1] < 1e-3
    mine = enhance.msrcr(dark, 'minmax', blur='exact')
    assert difference(mine, other)[0] <= 1
    weaker = enhance.msrcr(dark, 'minmax', alpha=80, blur='exact')
    assert difference(weaker, formulas.msrcr_minmax(dark, alpha=80))[0] <= 1
    assert difference(weaker, usual)[0] >= 2
