"""1x1 convolutions on one thread."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def pointwise_dilation(x: Tensor) -> int:
    """Dilation with which a 1x1 convolution is fast.

    On one thread, torch computes 1x1 convolutions of fewer than 16 images by a
    matrix product that takes up to three times as long as oneDNN. With a
    dilation, which has no effect on a 1x1 kernel, it uses oneDNN.

    Args:
        x (Tensor): Its input.

    Returns:
        int: The dilation.
    """
    return 1 if x.is_cuda or torch.get_num_threads() > 1 else 2


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution that is as fast on one thread of a CPU as on more."""

    def _conv_forward(
        self, input: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        dilation = pointwise_dilation(input)
        return F.conv2d(
            input, weight, bias, self.stride, 0, dilation, self.groups
        )


def use_pointwise_convs(model: nn.Module) -> None:
    """Make all 1x1 convolutions of a model fast on one thread.

    Args:
        model (nn.Module): Changed in place; its weights stay as they are.
    """
    for part in model.modules():
        if (
            type(part) is nn.Conv2d
            and part.kernel_size == (1, 1)
            and part.padding == (0, 0)
        ):
            part.__class__ = PointwiseConv2d
