"""Maps in bands are those of whole maps."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmcv.cnn import ConvModule
from torch import nn

from mmsrn.models.layers import RFE
from mmsrn.models.selective.sparse import bands, run_in_bands


def subnet(**changes):
    torch.manual_seed(0)
    layers = [
        ConvModule(4, 8, 3, padding=1, **changes),
        RFE(8, reduction=4),
        ConvModule(8, 8, 3, padding=1),
        nn.Conv2d(8, 2, 1),
    ]
    return nn.Sequential(*layers).eval()


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 9),
    batch=st.integers(1, 2),
    cells=st.integers(1, 120),
    last=st.booleans(),
)
def test_equal_whole_maps(height, width, batch, cells, last):
    model, seen = subnet(), []

    def look(maps):
        seen.append(maps.shape[2])
        return model(maps)

    maps = torch.randn(batch, 4, height, width)
    if last:
        maps = maps.contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, 'BAND', cells)
        found = run_in_bands(look, list(model), maps)
        torch.testing.assert_close(found, model(maps), rtol=1e-5, atol=1e-6)
    rows = max(cells // (batch * width), 1)
    assert len(seen) == -(-height // rows)
    # 3x3, 5x1 and 3x3 look at four rows above and four below.
    assert max(seen) <= rows + 8


def test_rows_that_are_missing_are_noticed(monkeypatch):
    model, maps = subnet(), torch.randn(1, 4, 20, 5)
    monkeypatch.setattr(bands, 'BAND', 25)
    monkeypatch.setattr(bands, 'grow', lambda layer, mask: mask)
    with torch.no_grad():
        found = run_in_bands(model, list(model), maps)
        assert (found - model(maps)).abs().max() > 1e-3


def test_norms_over_a_map_look_at_it_whole(monkeypatch):
    model = subnet(norm_cfg=dict(type='GN', num_groups=2))
    maps, seen = torch.randn(1, 4, 20, 5), []
    monkeypatch.setattr(bands, 'BAND', 25)
    run_in_bands(lambda x: seen.append(x) or model(x), list(model), maps)
    assert [x.shape for x in seen] == [maps.shape]
