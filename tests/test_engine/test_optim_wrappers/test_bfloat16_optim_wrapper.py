"""Mixed precision on a CPU."""

from types import SimpleNamespace

import pytest
import torch
from mmdet.registry import OPTIM_WRAPPERS

from mmsrn.engine.optim_wrappers import bfloat16_optim_wrapper


@pytest.fixture
def processor(monkeypatch):
    """Function that says whether the processor is fast in bfloat16."""

    def choose(fast):
        bfloat16_optim_wrapper._is_fast_on.cache_clear()
        found = SimpleNamespace(_is_mkldnn_bf16_supported=lambda: fast)
        monkeypatch.setattr(torch.ops, 'mkldnn', found)

    yield choose
    bfloat16_optim_wrapper._is_fast_on.cache_clear()


def test_full_precision_where_low_precision_is_slow(processor, monkeypatch):
    processor(fast=False)
    told = []
    monkeypatch.setattr(
        bfloat16_optim_wrapper,
        'print_log',
        lambda text, **_: told.append(text),
    )
    model = torch.nn.Linear(8, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = OPTIM_WRAPPERS.build(
        dict(type='BFloat16OptimWrapper', optimizer=optimizer)
    )
    for _ in range(2):
        with wrapper.optim_context(model):
            assert model(torch.randn(2, 8)).dtype == torch.float32
    assert len(told) == 1 and 'trains in float32' in told[0]


def test_low_precision_inside_and_full_outside(processor):
    processor(fast=True)
    torch.manual_seed(0)
    model = torch.nn.Linear(8, 4)
    wrapper = OPTIM_WRAPPERS.build(
        dict(
            type='BFloat16OptimWrapper',
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        )
    )
    inputs = torch.randn(16, 8)
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        output = model(inputs)
    assert output.dtype == torch.bfloat16
    assert model(inputs).dtype == torch.float32  # it ends with the block
    wrapper.update_params(output.float().square().mean())
    assert model.weight.dtype == torch.float32
    # By hand: d/dw mean((w x + b)^2), to the precision of bfloat16.
    exact = torch.nn.functional.linear(inputs, before, model.bias)
    gradient = 2 * exact.T @ inputs / exact.numel()
    step = (before - model.weight.detach()) / 0.1
    torch.testing.assert_close(step, gradient, rtol=0.05, atol=0.02)
    assert not torch.equal(step, gradient)
