"""Imposed cells, and stages by a fake clock."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from benchmarks.speed import imposed_cells, stages


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
    for _ in range(2):
        assert stages.by_stage(model, predict, lambda: clock.now) == {
            'backbone': 3,
            'neck': 320,
            'head': 3000,
            'post-processing': 40_000,
            'other': 500_000,
        }
    assert [dict(x.__dict__) for x in model.modules()] == before
