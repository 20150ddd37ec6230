"""Enhancers out of checkpoints, and on plain images."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mmsrn.utils.checkpoint import read_checkpoint
from mmsrn.utils.one_line import one_line

from .base_enhancer import BaseEnhancer

_PREFIX = 'enhancer.'


def load_enhancer(enhancer: nn.Module, path: str) -> None:
    """Load the weights of an enhancer, all of them.

    Args:
        enhancer (nn.Module): The enhancer.
        path (str): Checkpoint of ``ImageEnhancer`` or ``EnhancedDetector``.

    Raises:
        ValueError: If it cannot be read or does not fit.
    """
    checkpoint = read_checkpoint(path)
    weights = {
        name[len(_PREFIX) :]: value
        for name, value in checkpoint.get('state_dict', checkpoint).items()
        if name.startswith(_PREFIX)
    }
    if not weights:
        raise ValueError(
            f'checkpoint {path} holds no enhancer; name one of a training of '
            'ImageEnhancer or EnhancedDetector'
        )
    try:
        enhancer.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f'checkpoint {path} does not fit the enhancer: {one_line(error)}'
        ) from error


@torch.no_grad()
def enhance_image(image: np.ndarray, enhancer: BaseEnhancer) -> np.ndarray:
    """Enhance one image.

    Args:
        image (np.ndarray): BGR uint8 (h, w, 3).
        enhancer (BaseEnhancer): The enhancer, in evaluation mode.

    Returns:
        np.ndarray: BGR uint8 (h, w, 3).
    """
    device = next((x.device for x in enhancer.parameters()), None)
    rgb = torch.from_numpy(np.ascontiguousarray(image[..., ::-1]))
    unit = rgb.to(device).permute(2, 0, 1)[None].float() / 255
    (after,) = enhancer(unit).clamp(0, 1).mul(255).round().byte()
    return np.ascontiguousarray(
        after.permute(1, 2, 0).cpu().numpy()[..., ::-1]
    )
