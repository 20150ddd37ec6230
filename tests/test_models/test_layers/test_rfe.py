"""RFE against a re-derivation with four separate branches."""

import pytest
import torch
from torch.nn import functional as F

from mmsrn.models.layers import RFE

KERNELS = [(1, 5), (5, 1), (1, 3), (3, 1)]


def branchwise(rfe, x):
    """The block as the paper draws it, from the same weights."""
    outs = []
    for i, (h, w) in enumerate(KERNELS):
        part = slice(16 * i, 16 * (i + 1))
        reduce, strip = rfe.reduce.conv, rfe.strips[i].conv
        assert tuple(strip.kernel_size) == (h, w)
        y = F.relu(F.conv2d(x, reduce.weight[part], reduce.bias[part]))
        y = F.conv2d(y, strip.weight, strip.bias, padding=(h // 2, w // 2))
        expand = rfe.expand.conv
        y = F.conv2d(F.relu(y), expand.weight[part], expand.bias[part])
        outs.append(F.relu(y))
    y = F.conv2d(torch.cat(outs, 1), rfe.project.conv.weight)
    return F.relu(y + rfe.project.conv.bias[:, None, None]) + x


def test_equals_separate_branches():
    torch.manual_seed(0)
    rfe = RFE(64)
    x = torch.randn(2, 64, 7, 9)
    torch.testing.assert_close(rfe(x), branchwise(rfe, x))


@pytest.mark.parametrize('cells', [1, 30, 80, 10_000])
@pytest.mark.parametrize('num', [1, 2])
def test_in_bands(cells, num):
    torch.manual_seed(0)
    rfe = RFE(16)
    x = torch.randn(num, 16, 11, 9)
    with torch.no_grad():
        wanted = rfe(x)
        rfe.band_cells = cells
        torch.testing.assert_close(rfe(x), wanted)


def test_what_bands_need_of_their_neighbours():
    torch.manual_seed(0)
    rfe = RFE(16)
    x = torch.randn(1, 16, 11, 9)
    with torch.no_grad():
        wanted = rfe(x)
        rfe.band_cells, rfe._margin = 30, 1
        assert (rfe(x) - wanted).abs().max() > 1e-3


def test_gradients_go_through_whole_maps():
    torch.manual_seed(0)
    rfe = RFE(16)
    rfe.band_cells = 30
    x = torch.randn(1, 16, 11, 9, requires_grad=True)
    rfe(x).sum().backward()
    assert x.grad.abs().sum() > 0


def test_number_of_parameters():
    assert sum(p.numel() for p in RFE(256).parameters()) == 214_016


def test_negative_sums_stay():
    """No ReLU after the sum, and the input is left as it was."""
    rfe, x = RFE(8), -torch.ones(1, 8, 3, 3)
    assert (rfe(x) < 0).any()
    assert (x == -1).all()


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(in_channels=10), 'not divisible'),
        (dict(in_channels=8, kernels=((1, 4), (4, 1))), 'odd'),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        RFE(**kwargs)
