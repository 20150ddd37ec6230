"""Layers on whole maps, some rows of cells at a time, for less memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .row_layers import grow, runs_on_rows

# Cells of a band: the maps of P2 of a photo of two megapixels.  With 256
# channels a map of the subnets then takes 128 MiB at most.
BAND = 2**17


def run_in_bands(
    function: Callable[[Tensor], Tensor],
    layers: Sequence[nn.Module],
    maps: Tensor,
) -> Tensor:
    """Run layers on maps of any size, within bounded memory.

    Large maps go through in bands, from side to side.  Each comes with the
    rows above and below that the layers look at, so that the result is that
    of the whole maps.  Layers that do not run on single cells look at whole
    maps.

    Args:
        function (Callable): Runs the layers: from (B, C, H, W) to
            (B, C', H, W).
        layers (Sequence[nn.Module]): The layers, first to last.
        maps (Tensor): (B, C, H, W).

    Returns:
        Tensor: (B, C', H, W).
    """
    batch, _, height, width = maps.shape
    rows = max(BAND // (batch * width), 1)
    if height <= rows or not all(runs_on_rows(x) for x in layers):
        return function(maps)
    parts = []
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        needed = torch.zeros(1, height, 1, dtype=torch.bool)
        needed[:, top:bottom] = True
        for layer in reversed(layers):
            needed = grow(layer, needed)
        start, *_, end = needed.flatten().nonzero().flatten().tolist()
        part = function(maps[:, :, start : end + 1])
        parts.append(part[:, :, top - start : bottom - start])
    return torch.cat(parts, dim=2)
