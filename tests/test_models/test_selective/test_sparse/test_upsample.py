import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsrn.models.selective.sparse import (
    Cells,
    sources,
    upsample,
    upsample_rows,
)

MODES = [
    dict(mode='nearest'),
    dict(mode='bilinear', align_corners=True),
    dict(mode='bilinear', align_corners=False),
]

CASES = dict(
    seed=st.integers(0, 999),
    small=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    large=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    share=st.sampled_from([0.0, 0.1, 1.0]),
    cfg=st.sampled_from(MODES),
    chunk=st.sampled_from([7, 10**6]),
)


@settings(max_examples=80, deadline=None)
@given(**CASES)
def test_rows_are_those_of_interpolate(seed, small, large, share, cfg, chunk):
    torch.manual_seed(seed)
    maps = torch.randn(2, 3, *small)
    mask = torch.rand(2, *large) < share
    wanted = Cells(mask)
    needed = Cells(sources(wanted, small, **cfg))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upsample, 'CHUNK', chunk)
        got = upsample_rows(needed.take(maps), needed, wanted, **cfg)
    want = wanted.take(F.interpolate(maps, size=large, **cfg))
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


def test_sources_are_no_more_than_needed():
    mask = torch.zeros(1, 8, 8, dtype=torch.bool)
    mask[0, 0, 0] = True
    near = sources(Cells(mask), (4, 4), 'bilinear', align_corners=True)
    assert near.nonzero().tolist() == [
        *([0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1])
    ]


@settings(max_examples=30, deadline=None)
@given(**CASES)
def test_gradients_are_those_of_interpolate(
    seed, small, large, share, cfg, chunk
):
    torch.manual_seed(seed)
    maps = torch.randn(2, 3, *small, dtype=torch.float64, requires_grad=True)
    wanted = Cells(torch.rand(2, *large) < share)
    needed = Cells(sources(wanted, small, **cfg))
    weights = torch.rand(len(wanted) + 1, 3, dtype=torch.float64)

    def gradient(rows):
        return torch.autograd.grad((rows * weights).sum(), maps)[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upsample, 'CHUNK', chunk)
        got = gradient(upsample_rows(needed.take(maps), needed, wanted, **cfg))
    want = gradient(wanted.take(F.interpolate(maps, size=large, **cfg)))
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)
