"""Imposed cells, stages by a fake clock, and the crossover."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed import crossover, imposed_cells, stages
from mmsrn.utils.errors import UserError


@pytest.mark.parametrize('size', [(16, 24), (1, 1), (7, 3), (40, 40)])
@pytest.mark.parametrize('share', [0, 0.01, 0.2, 0.9, 1])
def test_blobs_cover_what_they_should(size, share):
    blobs = imposed_cells.blobs
    mask = blobs(size, share)
    assert mask.shape == size and mask.dtype == torch.bool
    assert mask.sum() == round(share * size[0] * size[1])
    assert mask.equal(blobs(size, share))


def test_blobs_are_discs():
    assert len(imposed_cells._disc(1)) == 5
    assert len(imposed_cells._disc(2)) == 13
    assert len(imposed_cells._disc(3)) == 29
    mask = imposed_cells.blobs((100, 100), 0.01).float()
    # Scattered, hardly a cell would have two active neighbours.
    near = torch.nn.functional.conv2d(
        mask[None, None], torch.ones(1, 1, 3, 3), padding=1
    )[0, 0]
    assert (near[mask > 0] > 2).float().mean() > 0.9
    other = imposed_cells.blobs((100, 100), 0.01, seed=1)
    assert not other.equal(mask > 0)


class FakePyramid:
    def __init__(self, spend):
        self.first = self.maps = self.rows = lambda *_: spend(100)


class FakePart(nn.Module):
    """Spends as much as its methods are told to."""

    def __init__(self, spend, **methods):
        super().__init__()
        for name, amount in methods.items():
            method = amount if callable(amount) else lambda n=amount: spend(n)
            setattr(self, name, method)


def test_a_stage_interrupts_another():
    """A clock that moves only when a stage says so."""
    clock = SimpleNamespace(now=5)

    def spend(amount):
        clock.now += amount

    execution = SimpleNamespace(
        pyramid=lambda: (spend(20), FakePyramid(spend))[1]
    )

    def find(pyramid):
        spend(1000)
        pyramid.first()
        pyramid.maps()
        pyramid.rows()
        spend(2000)
        head.predict_by_feat()

    head = FakePart(spend, predict=find, predict_by_feat=40_000)
    model = nn.Module()
    model.backbone = FakePart(spend, forward=3)
    model.detector = nn.Module()
    head.execution = execution
    model.detector.bbox_head = head

    def predict():
        spend(500_000)
        model.backbone()
        head.predict(execution.pyramid())

    before = [dict(x.__dict__) for x in model.modules()]
    meter = stages.StageMeter(lambda: clock.now)
    for _ in range(2):
        assert meter(model, predict) == {
            'backbone': 3,
            'neck': 320,
            'head': 3000,
            'post-processing': 40_000,
            'other': 500_000,
        }
    assert [dict(x.__dict__) for x in model.modules()] == before


@pytest.mark.parametrize('penalty', [2, 4])
def test_crossover(monkeypatch, penalty):
    """Rows that cost n times as much per multiply-add pay up to 1 / n."""
    from mmdet.registry import MODELS

    def seconds(call, device):
        with FlopCounterMode(display=False) as counter:
            call()
        calls.append(counter.get_total_flops())
        return calls[-1] * (1 if calls[-1] == whole else penalty)

    calls = []
    head = MODELS.build(
        dict(type='SRNHead', num_classes=1, in_channels=8, feat_channels=8)
    ).eval()
    maps = torch.rand(1, 8, 40, 40)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        head.forward_cls(maps)
    whole = counter.get_total_flops()
    monkeypatch.setattr(crossover, 'seconds', seconds)
    found = crossover.measure_crossover(head, maps, iters=1, warmup=0)
    # That of RFE's reduction on more cells is not in the share.
    assert found['crossover'] == pytest.approx(1 / penalty, abs=0.04)
    for row in found['tried']:
        assert (row['ratio'] < 1) == (row['work'] < found['crossover'])


def test_layers_that_need_maps_have_no_crossover():
    from mmdet.registry import MODELS

    head = MODELS.build(
        dict(
            type='SRNHead',
            num_classes=1,
            in_channels=8,
            feat_channels=8,
            norm_cfg=dict(type='GN', num_groups=2),
        )
    )
    measure = crossover.measure_crossover
    with pytest.raises(UserError, match='does not run on rows'):
        measure(head, torch.rand(1, 8, 4, 4), 1, 0)
