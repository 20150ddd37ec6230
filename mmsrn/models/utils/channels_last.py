"""Models in the channels-last memory format."""

import torch
from torch import Tensor, nn


def use_channels_last(model: nn.Module) -> None:
    """Keep the convolutions of a model in ``torch.channels_last``.

    Maps follow the order of the weights; results differ by rounding only.
    Operations of mmcv, such as RoIAlign and deformable convolutions, assume
    the default order, so they keep it and get their maps in it.

    Args:
        model (nn.Module): Changed in place.
    """
    operations = [x for x in model.modules() if _is_of_mmcv(x)]
    within = {id(x) for operation in operations for x in operation.modules()}
    for part in model.modules():
        # Other layers may reshape their weights.
        if type(part) is nn.Conv2d and id(part) not in within:
            part.to(memory_format=torch.channels_last)
    for operation in operations:
        operation.register_forward_pre_hook(_in_usual_order)


def _is_of_mmcv(module: nn.Module) -> bool:
    return any(x.__module__.startswith('mmcv.ops') for x in type(module).mro())


def _in_usual_order(module: nn.Module, inputs: tuple) -> tuple:
    return tuple(
        x.contiguous() if isinstance(x, Tensor) else x for x in inputs
    )
