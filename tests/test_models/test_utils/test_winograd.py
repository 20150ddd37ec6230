"""Winograd's convolutions against those of the definition."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmsrn.models.utils import winograd
from mmsrn.models.utils.winograd import WinogradConvolutions, winograd_conv2d


def data(batch, inputs, outputs, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(batch, inputs, *size, generator=generator),
        torch.randn(outputs, inputs, 3, 3, generator=generator),
        torch.randn(outputs, generator=generator),
    )


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 19), st.integers(1, 19)),
    with_bias=st.booleans(),
    channels_last=st.booleans(),
    tiles=st.sampled_from([1, 3, 1200]),
)
def test_in_double_precision(
    batch, channels, size, with_bias, channels_last, tiles
):
    """Without rounding it is the same function."""
    x, weight, bias = (t.double() for t in data(batch, *channels, size))
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, 'TILES', tiles)
        found = winograd_conv2d(x, weight, bias if with_bias else None)
    wanted = F.conv2d(x, weight, bias if with_bias else None, padding=1)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def test_rounding_error():
    """In float32: less than a ten-thousandth of the spread of the result."""
    x, weight, bias = data(1, 256, 256, (48, 64))
    wanted = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    found = winograd_conv2d(x, weight, bias)
    errors = (found - wanted).abs()
    assert 0 < errors.max() < 1e-4 * wanted.std()
    assert found.is_contiguous(memory_format=torch.channels_last)


def conv(channels=256, **changes):
    torch.manual_seed(0)
    cfg = dict(kernel_size=3, padding=1) | changes
    return nn.Conv2d(channels, cfg.pop('outputs', 256), **cfg)


def is_replaced(layer, x):
    with torch.no_grad():
        wanted = layer(x)
        with WinogradConvolutions():
            found = layer(x)
    assert found.dtype == wanted.dtype
    assert (found - wanted).abs().max() < 1e-3
    return not found.equal(wanted)


def test_large_convolutions_are_replaced():
    assert is_replaced(conv(), torch.randn(1, 256, 48, 64))
    assert is_replaced(conv(bias=False), torch.randn(2, 256, 46, 47))


@pytest.mark.parametrize(
    'changes, size',
    [
        ({}, (32, 32)),
        (dict(stride=2), (48, 64)),
        (dict(padding=0), (48, 64)),
        (dict(dilation=2), (48, 64)),
        (dict(groups=2), (48, 64)),
        (dict(kernel_size=1, padding=0), (48, 64)),
        (dict(outputs=64), (48, 64)),
        (dict(channels=64), (48, 64)),
    ],
    ids=str,
)
def test_others_stay(changes, size):
    layer = conv(**changes)
    assert not is_replaced(layer, torch.randn(1, layer.in_channels, *size))


def test_autocast_stays():
    layer, x = conv(), torch.randn(1, 256, 48, 64)
    with torch.autocast('cpu', torch.bfloat16):
        assert not is_replaced(layer, x)


def test_other_precisions_stay():
    x = torch.randn(1, 256, 48, 64, dtype=torch.float64)
    assert not is_replaced(conv().double(), x)
