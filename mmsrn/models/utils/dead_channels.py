"""Channels of a head's subnets that are always 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn

if TYPE_CHECKING:
    from ..dense_heads.two_step_head import TwoStepHead

__all__ = ['drop_dead_channels', 'last_layers']


def last_layers(
    head: TwoStepHead,
) -> list[tuple[ConvModule, list[nn.Conv2d]]]:
    """The last layer of each subnet, and the predictors that follow it.

    Args:
        head (TwoStepHead): The head.

    Returns:
        list[tuple[ConvModule, list[nn.Conv2d]]]: Only convolutions with a
        ReLU and without a norm: there a channel whose weights are 0 is 0.
    """
    chains = [
        head.cls_layers(),
        head.reg_layers(),
        head.reg_layers(refine=head.refine_predictor),
        head.cls_layers(first=True),
        head.reg_layers(first=True),
    ]
    found: dict[int, tuple[ConvModule, list[nn.Conv2d]]] = {}
    for *subnet, predictor in chains:
        if not subnet or not _is_prunable(subnet[-1]):
            continue
        _, predictors = found.setdefault(id(subnet[-1]), (subnet[-1], []))
        if all(predictor is not x for x in predictors):
            predictors.append(predictor)
    return list(found.values())


def _is_prunable(layer: nn.Module) -> bool:
    """Whether a channel whose weights are 0 is 0."""
    return (
        type(layer) is ConvModule
        and type(layer.conv) is nn.Conv2d
        and layer.conv.groups == 1
        and not layer.with_norm
        and layer.with_activation
        and type(layer.activate) is nn.ReLU
    )


@torch.no_grad()
def drop_dead_channels(head: TwoStepHead) -> None:
    """Leave out channels that are always 0, as after ``ChannelPruningHook``.

    The results stay the same, and the last convolution of each subnet takes
    less time.

    Args:
        head (TwoStepHead): The head; changed in place.
    """
    for layer, predictors in last_layers(head):
        conv = layer.conv
        alive = conv.weight.flatten(1).any(dim=1)
        if conv.bias is not None:
            alive |= conv.bias > 0  # a ReLU makes 0 of the others
        if alive.all() or not alive.any():
            continue
        _narrow(conv, alive, 0)
        conv.out_channels = layer.out_channels = int(alive.sum())
        for predictor in predictors:
            _narrow(predictor, alive, 1)
            predictor.in_channels = conv.out_channels


def _narrow(conv: nn.Conv2d, alive: Tensor, dim: int) -> None:
    """Keep some of a convolution's outputs (0) or inputs (1)."""
    where = alive.nonzero().flatten()
    conv.weight = nn.Parameter(conv.weight.index_select(dim, where))
    if dim == 0 and conv.bias is not None:
        conv.bias = nn.Parameter(conv.bias.index_select(0, where))
