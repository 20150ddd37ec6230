"""Convolutions of very large weights."""

import copy

import pytest
import torch
from torch import nn

from mmsrn.models.utils import sliced_conv
from mmsrn.models.utils.sliced_conv import SlicedConv2d, slice_large_convs


@pytest.mark.parametrize('outputs', [1, 7, 64])
@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('size', [100, 5000, 10**9])
def test_gives_the_same(monkeypatch, outputs, bias, size):
    torch.manual_seed(0)
    conv = nn.Conv2d(8, outputs, 3, stride=2, padding=1, bias=bias)
    x = torch.randn(2, 8, 9, 7)
    wanted = conv(x)
    monkeypatch.setattr(sliced_conv, '_SLICE_BYTES', size)
    monkeypatch.setattr(sliced_conv, 'LEAST_BYTES', 0)
    slice_large_convs(conv)
    assert type(conv) is SlicedConv2d
    torch.testing.assert_close(conv(x), wanted)


def test_number_of_slices(monkeypatch):
    conv = nn.Conv2d(1, 8, 1, bias=False)  # 32 bytes
    monkeypatch.setattr(sliced_conv, '_SLICE_BYTES', 10)
    monkeypatch.setattr(sliced_conv, 'LEAST_BYTES', 0)
    seen = []
    forward = nn.Conv2d._conv_forward

    def note(self, x, weight, bias):
        seen.append(len(weight))
        return forward(self, x, weight, bias)

    slice_large_convs(conv)
    monkeypatch.setattr(nn.Conv2d, '_conv_forward', note)
    conv(torch.ones(1, 1, 1, 1))
    assert seen == [2, 2, 2, 2]


def test_large_ones_only(monkeypatch):
    monkeypatch.setattr(sliced_conv, 'LEAST_BYTES', 1024)
    # 1,024 bytes are not more; of groups there are slices in another order.
    model = nn.Sequential(
        nn.Conv2d(8, 32, 1),
        nn.Conv2d(33, 8, 1),
        nn.Conv2d(8, 32, 3, groups=2),
        nn.Conv2d(32, 8, 3),
    )
    before = copy.deepcopy(model.state_dict())
    slice_large_convs(model)
    assert [type(x) for x in model] == [
        *(nn.Conv2d, SlicedConv2d, nn.Conv2d, SlicedConv2d)
    ]
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(after[x].equal(before[x]) for x in after)
