"""Parameters and operations of a model (see get_flops.py)."""

from __future__ import annotations

import copy
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch.utils.flop_counter import FlopCounterMode

from mmsrn.testing.models import random_batch

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import nn


class Cost(NamedTuple):
    """What a model holds and does.

    Attributes:
        parameters (int): Its weights, one by one.
        operations (int): Multiplications, each with its addition, in
            convolutions and matrix products.
    """

    parameters: int
    operations: int


def count(cfg: Config, size: tuple[int, int]) -> Cost:
    """Count the parameters of a model and its operations for one image.

    torch's counter sees every operator that runs, including those inside
    mmcv's deformable convolutions, which mmengine's counter misses.

    Args:
        cfg (Config): With ``model``.
        size (tuple[int, int]): Height and width of the image in pixels,
            before the model pads it.

    Returns:
        Cost: Of the model.
    """
    model = build_model(cfg)
    return Cost(count_parameters(model), count_operations(model, size))


def build_model(cfg: Config) -> nn.Module:
    """Build the model of a config, with random weights.

    Args:
        cfg (Config): With ``model``.

    Returns:
        nn.Module: As at test time.
    """
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    return MODELS.build(copy.deepcopy(cfg.model)).eval()


def count_parameters(model: nn.Module) -> int:
    """Count the weights of a model, one by one."""
    return sum(x.numel() for x in model.parameters())


def count_operations(model: nn.Module, size: tuple[int, int]) -> int:
    """Count what a model does for one image (see :func:`count`).

    Args:
        model (nn.Module): From :func:`build_model`; if it is of two stages,
            it cannot predict afterwards.
        size (tuple[int, int]): Height and width of the image in pixels.

    Returns:
        int: Multiplications, each with its addition.
    """
    if hasattr(model, 'rpn_head'):
        _fix_regions(model, size)
    data = model.data_preprocessor(random_batch(1, size))
    try:  # shapes alone, which takes no time
        return _operations(copy.deepcopy(model), data, 'meta')
    except (RuntimeError, TypeError):  # mmcv's operators need numbers
        return _operations(model, data, 'cpu')


def operations_counter() -> FlopCounterMode:
    """Counter of what runs while it is on.

    Returns:
        FlopCounterMode: Counts additions as well, so twice the operations of
        :class:`Cost`.
    """
    # How mmcv multiplies in a deformable convolution; torch knows `addmm`.
    in_place = {torch.ops.aten.addmm_: _addmm}
    return FlopCounterMode(display=False, custom_mapping=in_place)


def _operations(model: nn.Module, data: dict, device: str) -> int:
    model = model.to(device)
    with operations_counter() as counter, torch.no_grad():
        model(data['inputs'].to(device), data['data_samples'], mode='tensor')
    return counter.get_total_flops() // 2


def _addmm(_: Any, left: torch.Size, right: torch.Size, **kwargs: Any) -> int:
    return 2 * prod(left) * right[-1]


def _fix_regions(model: nn.Module, size: tuple[int, int]) -> None:
    """Give the second stage the regions it takes at most.

    Else their number depended on the weights, which are random.
    """
    num = model.test_cfg.rpn.max_per_img
    regions = InstanceData(
        bboxes=torch.tensor([[0.0, 0.0, size[1], size[0]]]).repeat(num, 1),
        scores=torch.ones(num),
        labels=torch.zeros(num, dtype=torch.long),
    )
    model.rpn_head.predict_by_feat = lambda *_, **__: [regions]
