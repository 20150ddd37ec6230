"""Convolutions of very large weights, some outputs at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Blocks of more than 32 MiB are fresh memory each time, for glibc gives them
# back to the system; its pages take longer than the convolution of a C6.
LEAST_BYTES = 2**25
_SLICE_BYTES = 2**24


class SlicedConv2d(nn.Conv2d):
    """A convolution in slices of its outputs, with the same result.

    On a CPU a convolution first copies its weights to another order.  Slices
    of them use the same memory one after the other.
    """

    def _conv_forward(
        self, input: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        if input.is_cuda:
            return super()._conv_forward(input, weight, bias)
        num = 1
        while weight.nbytes > num * _SLICE_BYTES:
            num *= 2
        weights = weight.chunk(num)
        biases = [None] * len(weights) if bias is None else bias.chunk(num)
        parts = [
            super(SlicedConv2d, self)._conv_forward(input, x, y)
            for x, y in zip(weights, biases)
        ]
        return torch.cat(parts, dim=1)


def slice_large_convs(model: nn.Module) -> None:
    """Let convolutions of very large weights run in slices.

    Args:
        model (nn.Module): Changed in place; its weights stay as they are.
    """
    for part in model.modules():
        if (
            type(part) is nn.Conv2d
            and part.groups == 1
            and part.weight.nbytes > LEAST_BYTES
        ):
            part.__class__ = SlicedConv2d
