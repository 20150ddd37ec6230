"""Anchors against the published table and an independent re-derivation."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmsrn.models.task_modules import SRNAnchorGenerator

STRIDES = [4, 8, 16, 32, 64, 128]
# Anchor 0 at the first cell, and width and height of anchor 1 in decoding.
TABLE = [
    ((-2, -3, 5, 6), (10.3137, 13.1421)),
    ((-3, -5, 10, 12), (18.7990, 24.4558)),
    ((-6, -10, 21, 25), (38.5980, 49.9117)),
    ((-13, -20, 44, 51), (81.0244, 100.8234)),
    ((-25, -39, 88, 102), (160.2203, 199.8183)),
    ((-50, -78, 177, 205), (321.4407, 400.6366)),
]


def make(strides=STRIDES, ratios=(1.25,), scales=(2, 2.828427), **kwargs):
    return SRNAnchorGenerator(
        strides=list(strides),
        ratios=list(ratios),
        scales=list(scales),
        **kwargs,
    )


@pytest.mark.parametrize('level', range(6))
def test_published_table(level):
    first, second = make().base_anchors[level]
    box, size = TABLE[level]
    assert first.tolist() == list(box)
    np.testing.assert_allclose(second[2:] - second[:2], size, atol=5e-5)
    centre = (second[2:] + second[:2]) / 2
    np.testing.assert_allclose(centre, (STRIDES[level] - 1) / 2, atol=1e-5)


def test_number_and_order():
    """At 1024 x 1024, and the flat index (y * W + x) * A + a."""
    gen = make()
    sizes = [(1024 // s, 1024 // s) for s in STRIDES]
    priors = gen.grid_priors(sizes, device='cpu')
    assert sum(map(len, priors)) == 174_720
    width, x, y, a = 256, 7, 3, 1
    shift = torch.tensor([x, y, x, y]) * 4
    expected = gen.base_anchors[0][a] + shift
    torch.testing.assert_close(priors[0][(y * width + x) * 2 + a], expected)


def by_hand(size, ratio, scale):
    w = round(math.sqrt(size * size / ratio))  # halves to even, as numpy
    h = round(w * ratio)
    half_w, half_h = (w * scale - 1) / 2, (h * scale - 1) / 2
    c = (size - 1) / 2
    return [c - half_w, c - half_h, c + half_w, c + half_h]


@given(
    size=st.integers(1, 256),
    ratios=st.lists(st.sampled_from([0.5, 1.0, 1.25, 2.0]), min_size=1,
                    max_size=3),
    scales=st.lists(st.sampled_from([1.0, 2.0, 2.5, 4.0]), min_size=1,
                    max_size=3),
    scale_major=st.booleans(),
)  # fmt: skip
def test_any_ratios_and_scales(size, ratios, scales, scale_major):
    gen = make([size], ratios, scales, scale_major=scale_major)
    if scale_major:
        pairs = [(r, s) for r in ratios for s in scales]
    else:
        pairs = [(r, s) for s in scales for r in ratios]
    expected = [by_hand(size, r, s) for r, s in pairs]
    np.testing.assert_allclose(gen.base_anchors[0], expected, rtol=1e-5)


def test_center_offset():
    """It would be ignored, or contradict the published centre."""
    with pytest.raises(ValueError, match='center_offset=0.5.*centers'):
        make(center_offset=0.5)
    centre = make([16], centers=[(8.0, 9.0)]).base_anchors[0].reshape(-1, 2, 2)
    assert (centre.mean(1) == torch.tensor([8.0, 9.0])).all()
