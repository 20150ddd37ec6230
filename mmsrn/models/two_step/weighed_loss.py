"""Losses that let their caller choose samples, weights and divisor."""

from mmdet.models.losses import GHMC, GHMR, EQLV2Loss
from mmdet.registry import MODELS
from mmdet.utils import ConfigType
from torch import nn

# Weights and divisor of their own stand in place of those that they are given.
_SELF_WEIGHED = (EQLV2Loss, GHMC, GHMR)


def weighed_loss(name: str, loss: ConfigType | nn.Module) -> nn.Module:
    """Build a loss that honours ``weight`` and ``avg_factor``.

    Args:
        name (str): What to call the setting.
        loss (dict | nn.Module): Its config; a module stays as it is.

    Returns:
        nn.Module: The loss.

    Raises:
        ValueError: If it is known to ignore one of the two.
    """
    if not isinstance(loss, nn.Module):
        loss = MODELS.build(loss)
    kind = type(loss).__name__
    if isinstance(loss, _SELF_WEIGHED):
        raise ValueError(
            f'{name}={kind} ignores the weights and the divisor that it is '
            'given, so that the selection would be lost; use another loss, '
            'such as FocalLoss for classes, SmoothL1Loss or IoULoss for boxes'
        )
    reduction = getattr(loss, 'reduction', 'mean')
    if reduction != 'mean':
        raise ValueError(
            f"{name}={kind} has reduction='{reduction}', which leaves no room "
            "for a divisor; use reduction='mean'"
        )
    return loss
