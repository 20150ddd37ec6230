"""Checkpoints that are judged before anything runs with them.

mmengine loads what fits and logs the rest: a test of a checkpoint of another
model would end with a made-up result.
"""

from __future__ import annotations

import contextlib
import io
from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner.checkpoint import (
    CheckpointLoader,
    _load_checkpoint_to_model,
)
from torch import nn

from .one_line import one_line

__all__ = ['load_weights', 'read_checkpoint']


# mmengine matches the "prefix" as a pattern against the whole path.
@CheckpointLoader.register_scheme(prefixes=r'.*\.safetensors$')
def load_from_safetensors(filename: str, map_location: Any = None) -> dict:
    """Read a safetensors file where mmengine reads checkpoints.

    So ``load_from`` and the tools take the weights that ship.

    Args:
        filename (str): The file.
        map_location (str | torch.device, optional): Where to put them.

    Returns:
        dict: ``state_dict``, in float32 whatever the file has.
    """
    from safetensors.torch import load_file

    weights = load_file(filename, str(map_location or 'cpu'))
    return dict(
        state_dict={
            name: x.float() if x.is_floating_point() else x
            for name, x in weights.items()
        }
    )


def read_checkpoint(path: str) -> dict:
    """Read a checkpoint into the memory of the CPU, as mmengine does.

    That is: weights of a ``.safetensors`` file in float32; other files as
    tensors and plain containers where the file allows it, else with pickle,
    which may run code of the file.

    Args:
        path (str): A file, or an address that mmengine knows.

    Returns:
        dict: The checkpoint.

    Raises:
        ValueError: If it is missing, damaged or something else.
    """
    try:
        # mmengine repeats its remarks when it loads the file for the run.
        with contextlib.redirect_stdout(io.StringIO()):
            checkpoint = CheckpointLoader.load_checkpoint(
                path, 'cpu', 'silent'
            )
    except Exception as error:  # a damaged file may raise anything
        reason = f'{type(error).__name__}: {one_line(error)}'.rstrip(': ')
        raise ValueError(
            f'checkpoint {path} cannot be read: {reason}'
        ) from error
    if not isinstance(checkpoint, dict):
        raise ValueError(
            f'checkpoint {path} holds no weights but a '
            f'{type(checkpoint).__name__}'
        )
    return checkpoint


def load_weights(model: nn.Module, checkpoint: dict) -> None:
    """Load the weights of a checkpoint, all of them, into all of a model.

    Args:
        model (nn.Module): A model, or wrappers of mmengine around it.
        checkpoint (dict): With or without ``state_dict``; with a moving
            average that holds the averaged weights.

    Raises:
        ValueError: If a name or a shape differs.
    """
    if is_model_wrapper(model):  # mmengine sees through one wrapper alone
        model = model.module
    try:
        _load_checkpoint_to_model(model, checkpoint, strict=True)
    except (AttributeError, RuntimeError, TypeError) as error:
        raise ValueError(one_line(error)) from error
