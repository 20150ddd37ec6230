"""Mixed precision on a CPU."""

import torch
from mmdet.registry import OPTIM_WRAPPERS

import mmsrn.engine  # noqa: F401  registers it


def test_low_precision_inside_and_full_outside():
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
