import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.cnn import ConvModule
from torch import nn
from torch.nn.utils import prune

from mmsrn.models.layers import RFE
from mmsrn.models.selective.sparse import (
    Cells,
    RowPlan,
    gathered_conv,
    runs_on_rows,
    share_of_work,
)
from mmsrn.models.selective.sparse import row_layers as module

SIGMOID = dict(type='Sigmoid')
LAYERS = {
    '3x3': lambda: nn.Conv2d(8, 6, 3, padding=1),
    '1x5': lambda: nn.Conv2d(8, 8, (1, 5), padding=(0, 2), bias=False),
    '1x1': lambda: nn.Conv2d(8, 5, 1),
    'groups': lambda: nn.Conv2d(8, 4, 1, groups=2),
    'relu': lambda: ConvModule(8, 8, 3, padding=1),
    'norm': lambda: ConvModule(8, 8, 3, padding=1, norm_cfg=dict(type='BN')),
    'leaky': lambda: ConvModule(8, 8, 1, act_cfg=dict(type='LeakyReLU')),
    'sigmoid': lambda: ConvModule(8, 8, 3, padding=1, act_cfg=SIGMOID),
    'rfe': lambda: RFE(8),
    'rfe-norm': lambda: RFE(8, norm_cfg=dict(type='BN')),
}


def make(*names):
    torch.manual_seed(1)
    layers = nn.Sequential(*(LAYERS[x]() for x in names)).eval()
    for layer in layers.modules():
        if isinstance(layer, nn.BatchNorm2d):  # an identity at first
            for value in (layer.running_mean, layer.bias, layer.weight):
                nn.init.normal_(value)
    return layers


def run_both(layers, mask, seed=0):
    """Outputs on rows and on maps, at the wanted cells."""
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(len(mask), 8, *mask.shape[1:], generator=generator)
    with torch.no_grad():
        plan = RowPlan(layers, mask)
        got = plan(plan.sets[0].take(maps))
        want = Cells(mask).take(layers(maps))
    return got, want


def spots(*places, size=(6, 7), batch=1):
    mask = torch.zeros(batch, *size, dtype=torch.bool)
    for place in places:
        mask[(0, *place) if len(place) == 2 else place] = True
    return mask


MASKS = {
    'none': spots(),
    'all': ~spots(batch=3),
    'corners': spots((0, 0), (0, -1), (-1, 0), (-1, -1)),
    'borders': spots((0, 3), (3, 0), (-1, 3), (3, -1)),
    'middle': spots((3, 3)),
    'neighbours of another image': spots((0, -1), (1, 0, 0), batch=2),
    'one row': spots((0, 2), size=(1, 7)),
    'one cell': spots((0, 0), size=(1, 1)),
}


@pytest.mark.parametrize('mask', MASKS.values(), ids=MASKS)
@pytest.mark.parametrize('name', LAYERS)
def test_layers_give_on_rows_what_they_give_on_maps(name, mask):
    layers = make(name)
    assert runs_on_rows(layers[0])
    got, want = run_both(layers, mask)
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
    assert not got[-1].any()


@pytest.mark.parametrize('mask', MASKS.values(), ids=MASKS)
@pytest.mark.parametrize('name', LAYERS)
def test_gradients_on_rows_are_those_on_maps(name, mask):
    """Of maps and weights, through a second layer that looks around."""
    layers = make(name, 'relu')
    layers.double()
    if layers[0](torch.zeros(1, 8, 3, 3).double()).shape[1] != 8:
        layers = layers[:1]
    plan = RowPlan(layers, mask)
    grads = []
    for on_rows in (True, False):
        torch.manual_seed(0)
        maps = torch.randn(len(mask), 8, *mask.shape[1:]).double()
        maps.requires_grad_()
        if on_rows:
            rows = plan(plan.sets[0].take(maps))
        else:
            rows = plan.sets[-1].take(layers(maps))
        weights = torch.randn(rows.shape).double()
        inputs = [maps, *layers.parameters()]
        grads.append(torch.autograd.grad((rows * weights).sum(), inputs))
    for one, other in zip(*grads):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    batch=st.integers(1, 3),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    share=st.sampled_from([0.0, 0.02, 0.2, 1.0]),
    names=st.lists(
        st.sampled_from(['relu', 'norm', 'rfe', '1x5', 'leaky']),
        min_size=1,
        max_size=4,
    ),
)
def test_chains(seed, batch, size, share, names):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(batch, *size, generator=generator) < share
    got, want = run_both(make(*names), mask, seed)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_the_sets_of_a_subnet():
    """Conv, RFE, conv, predictor at one cell: what each must know."""
    layers = [
        *(ConvModule(8, 8, 3, padding=1), RFE(8)),
        *(ConvModule(8, 8, 3, padding=1), nn.Conv2d(8, 2, 1)),
    ]
    mask = spots((6, 6), size=(13, 13))
    sizes = [len(x) for x in RowPlan(layers, mask).sets]
    # 3x3; of these the strips 1x5 and 5x1: 3 x 7 and 7 x 3; and 3x3 again.
    assert sizes == [5 * 9 * 2 - 5 * 5, 3 * 7 * 2 - 3 * 3, 9, 1, 1]


def test_share_of_work():
    layers = [nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 3, padding=1)]
    plan = RowPlan(layers, spots((0, 0), size=(4, 5)))
    # Two weights on 4 of 20 cells, ten on 1 of them.
    assert share_of_work(plan) == (2 * 4 + 10 * 1) / (12 * 20)
    assert share_of_work(RowPlan(layers, ~spots())) == 1
    assert share_of_work(RowPlan(layers, spots())) == 0


class Centred(ConvModule):
    """Looks at the whole map."""

    def forward(self, x):
        return super().forward(x - x.mean(dim=(2, 3), keepdim=True))


class CentredRFE(RFE):
    def forward(self, x):
        return super().forward(x - x.mean(dim=(2, 3), keepdim=True))


@pytest.mark.parametrize(
    'layer',
    [
        Centred(8, 8, 3, padding=1),
        CentredRFE(8),
        nn.Conv2d(8, 8, 3),
        nn.Conv2d(8, 8, 3, padding=1, stride=2),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2),
        nn.Conv2d(8, 8, 3, padding=1, groups=2),
        nn.Conv2d(8, 8, 3, padding=1, padding_mode='reflect'),
        nn.Conv2d(8, 8, 2, padding=1),
        ConvModule(8, 8, 3, padding=1, norm_cfg=dict(type='GN', num_groups=2)),
        ConvModule(8, 8, 3, padding=1, norm_cfg=dict(type='BN')),  # training
        ConvModule(8, 8, 3, padding=1, order=('act', 'conv', 'norm')),
        ConvModule(8, 8, 3, padding=1, padding_mode='reflect'),
        RFE(8, norm_cfg=dict(type='GN', num_groups=2)),
        nn.MaxPool2d(3),
    ],
    ids=str,
)
def test_layers_that_do_not_run_on_rows(layer):
    assert not runs_on_rows(layer)


def test_a_set_that_is_too_small_is_noticed(monkeypatch):
    monkeypatch.setattr(module, 'dilate', lambda mask, kernel: mask)
    got, want = run_both(make('relu', 'relu'), MASKS['middle'])
    assert (got - want).abs().max() > 0.1


def test_a_border_that_is_not_zero_is_noticed(monkeypatch):
    ranks = Cells.ranks

    def wrong(self, margin=(0, 0)):
        return ranks(self, margin).clamp(max=max(len(self) - 1, 0))

    monkeypatch.setattr(Cells, 'ranks', wrong)
    got, want = run_both(make('relu', 'relu'), MASKS['corners'])
    assert (got - want).abs().max() > 0.1


@pytest.mark.parametrize('name', ['3x3', '1x1', 'groups'])
def test_chunks(monkeypatch, name):
    want, _ = run_both(make(name), MASKS['all'])
    monkeypatch.setattr(gathered_conv, 'CHUNK', 10)  # the last has fewer
    got, _ = run_both(make(name), MASKS['all'])
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


def test_unknown_layers_are_refused():
    with pytest.raises(NotImplementedError, match="MaxPool2d .*'dense'"):
        RowPlan([nn.MaxPool2d(3)], MASKS['middle'])


@pytest.mark.parametrize('threads', [1, 2])
@pytest.mark.parametrize('num', [1, 15, 16, 17, 40])
@pytest.mark.parametrize('groups, bias', [(1, True), (4, False)])
def test_product_on_any_number_of_threads(
    monkeypatch, threads, num, groups, bias
):
    """On one thread rows are several images, and what is left over."""
    torch.manual_seed(0)
    monkeypatch.setattr(torch, 'get_num_threads', lambda: threads)
    layer = nn.Conv2d(8, 12, 1, groups=groups, bias=bias)
    rows = torch.randn(num, 8)
    with torch.no_grad():
        found = gathered_conv._product(
            rows, layer.weight, layer.bias, layer.groups
        )
        expected = layer(rows[:, :, None, None])[:, :, 0, 0]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('name', ['3x3', 'relu', 'rfe'])
def test_layers_with_hooks_get_maps(name):
    """Rows do without the calls that hooks belong to."""
    layer = LAYERS[name]()
    assert runs_on_rows(layer)
    handle = layer.register_forward_hook(lambda *args: None)
    assert not runs_on_rows(layer)
    handle.remove()
    conv = next(x for x in layer.modules() if isinstance(x, nn.Conv2d))
    prune.identity(conv, 'weight')
    assert not runs_on_rows(layer)
