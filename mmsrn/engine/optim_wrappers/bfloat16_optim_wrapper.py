"""Mixed precision that also works on a CPU."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
import torch.nn as nn
from mmdet.registry import OPTIM_WRAPPERS
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.runner import autocast


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Compute losses under bfloat16 autocast, on a CPU or a GPU.

    bfloat16 has the range of float32, so the loss needs no scaling; mmengine's
    ``AmpOptimWrapper`` scales it and works only on accelerators.  Weights,
    gradients and the optimizer's state stay in float32. It is faster if the
    processor has bfloat16 instructions (``avx512_bf16`` or ``amx_bf16`` in
    ``lscpu``). Without AVX512, torch's convolutions in bfloat16 take several
    times as long as in float32, so there losses are computed in float32.

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
        enabled = _is_fast_on(device)
        with (
            super().optim_context(model),
            autocast(device, dtype=torch.bfloat16, enabled=enabled),
        ):
            yield


@cache
def _is_fast_on(device: str) -> bool:
    """Whether convolutions in bfloat16 have code of their own."""
    if device != 'cpu':
        return True
    found = torch.backends.mkldnn.is_available() and (
        torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )
    if not found:
        print_log(
            'BFloat16OptimWrapper trains in float32: on this processor '
            'convolutions in bfloat16 are several times slower',
            logger='current',
            level=logging.WARNING,
        )
    return found
