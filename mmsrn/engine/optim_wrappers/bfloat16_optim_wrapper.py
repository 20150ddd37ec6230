"""Mixed precision that also works on a CPU."""

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

    bfloat16 has the range of float32, so the loss needs no scaling; mmengine's
    ``AmpOptimWrapper`` scales it and works only on accelerators.  Weights,
    gradients and the optimizer's state stay in float32. It is faster if the
    processor has bfloat16 instructions (``avx512_bf16`` or ``amx_bf16`` in
    ``lscpu``).

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
