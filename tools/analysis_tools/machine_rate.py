"""How fast a machine multiplies."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
import torch.nn.functional as F
from step_cost import seconds

CHANNELS = 256
MAP_SIDE = 64  # cells; the size of a P4 of a large photo
MATRIX_SIDE = 1024


def machine_rates(
    device: torch.device, iters: int = 5, warmup: int = 2
) -> dict[str, float]:
    """Measure a 3x3 convolution and a matrix product in float32.

    The convolution is that of the subnets: 256 to 256 channels.

    Args:
        device (torch.device): Where.
        iters (int): Timed calls of each.
        warmup (int): Calls before them.

    Returns:
        dict[str, float]: FLOP per second of ``convolution`` and
        ``matrix_product``, a multiplication and its addition being two;
        medians.
    """
    maps = torch.rand(1, CHANNELS, MAP_SIDE, MAP_SIDE, device=device)
    weight = torch.rand(CHANNELS, CHANNELS, 3, 3, device=device)
    matrix = torch.rand(MATRIX_SIDE, MATRIX_SIDE, device=device)
    calls: dict[str, tuple[Callable[[], object], int]] = {
        'convolution': (
            lambda: F.conv2d(maps, weight, padding=1),
            weight.numel() * MAP_SIDE**2,
        ),
        'matrix_product': (lambda: matrix @ matrix, MATRIX_SIDE**3),
    }
    rates = {}
    with torch.no_grad():
        for name, (call, work) in calls.items():
            times = [seconds(call, device) for _ in range(warmup + iters)]
            rates[name] = 2 * work / statistics.median(times[warmup:])
    return rates
