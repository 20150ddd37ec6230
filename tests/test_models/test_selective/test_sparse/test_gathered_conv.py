"""Convolutions on rows, and the gradients that pass through them."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmsrn.models.selective.sparse import Cells, dilate, gathered_conv
from mmsrn.models.selective.sparse.gathered_conv import convolve


def sets(seed, batch, size, share, kernel):
    """Cells of the output, and of the input some more than it needs."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(batch, *size, generator=generator) < share
    more = torch.rand(batch, *size, generator=generator) < share / 2
    return Cells(dilate(mask, kernel) | more), Cells(mask)


def make(kernel, inputs=3, outputs=4, groups=1, bias=True):
    torch.manual_seed(0)
    padding = tuple(side // 2 for side in kernel)
    return nn.Conv2d(
        inputs, outputs, kernel, padding=padding, groups=groups, bias=bias
    ).double()


def rows_of(cells, channels):
    rows = torch.randn(len(cells) + 1, channels, dtype=torch.float64)
    rows[-1] = 0
    return rows.requires_grad_()


def numbers(layer, rows, given, wanted):
    """The output, and gradients of its weighted sum."""
    layer.zero_grad()
    out = convolve(layer, rows, given, wanted)
    weights = (torch.arange(1.0, out.numel() + 1) % 7).view_as(out).to(out)
    (out * weights).sum().backward()
    found = [out.detach(), rows.grad[:-1].clone()]
    found += [x.grad.clone() for x in layer.parameters()]
    rows.grad = None
    return found


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 999),
    batch=st.integers(1, 2),
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    share=st.sampled_from([0.0, 0.2, 1.0]),
    kernel=st.sampled_from([(3, 3), (1, 5), (5, 1), (3, 1), (1, 1)]),
    bias=st.booleans(),
)
def test_gradients_are_those_of_differences(
    seed, batch, size, share, kernel, bias
):
    layer = make(kernel, 2, 3, bias=bias)
    given_, wanted = sets(seed, batch, size, share, kernel)
    rows = rows_of(given_, 2)

    def function(cells, *parameters):
        # The zero row is no input: it stands for the padding.
        filled = F.pad(cells, (0, 0, 0, 1))
        names = [x for x, _ in layer.named_parameters()]
        call = torch.func.functional_call
        module = Called(layer, given_, wanted)
        named = {f'layer.{x}': y for x, y in zip(names, parameters)}
        return call(module, named, (filled,))

    cells = rows.detach()[:-1].requires_grad_()
    parameters = [x.detach().requires_grad_() for x in layer.parameters()]
    assert torch.autograd.gradcheck(function, (cells, *parameters))


class Called(nn.Module):
    """The function as a module, whose weights can be put in."""

    def __init__(self, layer, given, wanted):
        super().__init__()
        self.layer, self.given, self.wanted = layer, given, wanted

    def forward(self, rows):
        return convolve(self.layer, rows, self.given, self.wanted)


@pytest.mark.parametrize(
    'kernel, groups',
    [((3, 3), 1), ((1, 5), 1), ((5, 1), 1), ((1, 1), 1), ((1, 1), 2)],
)
@pytest.mark.parametrize('share', [0.0, 0.3, 1.0])
def test_gradients_are_those_of_maps(kernel, groups, share):
    layer = make(kernel, 4, 6, groups)
    given_, wanted = sets(1, 2, (9, 7), share, kernel)
    rows = rows_of(given_, 4)
    out, of_rows, of_weight, of_bias = numbers(layer, rows, given_, wanted)

    layer.zero_grad()
    maps = given_.put(rows.detach()).requires_grad_()
    expected = wanted.take(layer(maps))
    torch.testing.assert_close(out, expected.detach())
    assert not out[-1].any()
    weights = (torch.arange(1.0, out.numel() + 1) % 7).view_as(out).to(out)
    (expected * weights).sum().backward()
    torch.testing.assert_close(of_rows, given_.take(maps.grad)[:-1])
    torch.testing.assert_close(of_weight, layer.weight.grad)
    torch.testing.assert_close(of_bias, layer.bias.grad)


@pytest.mark.parametrize('threads', [1, 2])
@pytest.mark.parametrize('kernel', [(3, 3), (1, 1)])
def test_chunks(monkeypatch, threads, kernel):
    monkeypatch.setattr(torch, 'get_num_threads', lambda: threads)
    layer = make(kernel)
    given_, wanted = sets(2, 2, (9, 7), 0.5, kernel)
    assert len(wanted) > 40
    rows = rows_of(given_, 3)
    expected = numbers(layer, rows, given_, wanted)
    monkeypatch.setattr(gathered_conv, 'CHUNK', 17)
    found = numbers(layer, rows, given_, wanted)
    for one, other in zip(found, expected):
        torch.testing.assert_close(one, other)


def test_the_gathered_matrix_is_not_kept():
    """Of a 3x3 convolution it would be nine times the input."""
    layer = make((3, 3))
    given_, wanted = sets(0, 1, (20, 20), 1.0, (3, 3))
    rows, kept = rows_of(given_, 3), []

    def pack(x):
        kept.append(x.numel())
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        convolve(layer, rows, given_, wanted)
    assert sorted(kept) == sorted([rows.numel(), layer.weight.numel()])


def test_what_needs_no_gradient_gets_none():
    layer = make((3, 3))
    given_, wanted = sets(0, 1, (6, 6), 0.5, (3, 3))
    layer.weight.requires_grad_(False)
    rows = rows_of(given_, 3)
    convolve(layer, rows, given_, wanted).sum().backward()
    assert layer.weight.grad is None and layer.bias.grad.any()
    assert rows.grad.any()
    layer.requires_grad_(False)
    assert not convolve(layer, rows.detach(), given_, wanted).requires_grad


@pytest.mark.parametrize('kernel', [(3, 3), (1, 1)])
def test_under_autocast(kernel):
    """Of low precision forwards and backwards, but for what is added up."""
    layer = make(kernel, 16, 16).float()
    given_, wanted = sets(0, 2, (9, 7), 0.4, kernel)
    rows = rows_of(given_, 16).detach().float().requires_grad_()
    exact = numbers(layer, rows, given_, wanted)
    with torch.autocast('cpu', torch.bfloat16):
        found = numbers(layer, rows, given_, wanted)
        maps = given_.put(rows.detach()).requires_grad_()
        assert layer(maps).dtype == found[0].dtype == torch.bfloat16
    for one, other in zip(found[1:], exact[1:]):
        assert one.dtype == torch.float32
        error = (one - other).abs().max() / other.abs().max()
        assert error < 0.02


def test_a_neighbour_that_is_left_out_is_noticed(monkeypatch):
    layer = make((3, 3))
    given_, wanted = sets(1, 1, (9, 7), 0.3, (3, 3))
    rows = rows_of(given_, 3)
    expected = numbers(layer, rows, given_, wanted)
    neighbours = Cells.neighbours

    def less(self, of, kernel):
        near = neighbours(self, of, kernel)
        near[:, -1] = len(self)  # as if outside the map
        return near

    monkeypatch.setattr(Cells, 'neighbours', less)
    found = numbers(layer, rows, given_, wanted)
    for one, other in zip(found[:3], expected[:3]):
        assert (one - other).abs().max() > 0.1


def test_bias_of_rows_and_then_of_maps_under_autocast():
    """Autocast keeps copies of weights: a layer may have both calls."""
    layer = nn.Conv2d(4, 3, 3, padding=1)
    maps = torch.randn(1, 4, 5, 6)
    cells = Cells(torch.ones(1, 5, 6, dtype=torch.bool))
    with torch.autocast('cpu', torch.bfloat16):
        rows = convolve(layer, cells.take(maps), cells, cells)
        total = rows.sum() + layer(maps).sum()
    total.backward()
    assert layer.bias.grad.tolist() == [60.0] * 3
