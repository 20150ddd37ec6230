"""Mixed precision that also a CPU can train with."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn as nn
from mmdet.registry import OPTIM_WRAPPERS
from mmengine.optim import OptimWrapper
from mmengine.runner import autocast


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Compute losses under bfloat16 autocast, on a CPU or a GPU.

    mmengine's ``AmpOptimWrapper`` does so on accelerators alone, as it scales
    the loss; bfloat16 has float32's range and needs no scaling.  Weights,
    their gradients and the optimizer's state stay in float32.  It pays where
    the processor has bfloat16 instructions (``avx512_bf16`` or ``amx_bf16``
    among the flags of ``lscpu``).

    Args:
        **kwargs: Arguments of :class:`mmengine.optim.OptimWrapper`.

    Example:
        >>> optim_wrapper = dict(type='BFloat16OptimWrapper')
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Open autocast beside the context of gradient accumulation.

        Args:
            model (nn.Module): The model whose losses are computed.

        Yields:
            None: The context is the effect.
        """
        device = next(model.parameters()).device.type
        with (
            super().optim_context(model),
            autocast(device_type=device, dtype=torch.bfloat16),
        ):
            yield
