"""The device that a benchmark runs on, and how fast it multiplies."""

from __future__ import annotations

import platform
import re
import statistics
from pathlib import Path

import torch
import torch.nn.functional as F

from mmsrn.utils.errors import UserError

from .timing import seconds

CHANNELS = 256
MAP_SIDE = 64  # cells; the size of a P4 of a large photo


def usable_device(name: str | None) -> str:
    """Check that torch can use a device.

    Args:
        name (str, optional): What ``--device`` says.

    Returns:
        str: The same; without a name, ``'cuda'`` if there is one.

    Raises:
        UserError: If it cannot.
    """
    if name is None:
        return 'cuda' if torch.cuda.is_available() else 'cpu'
    if name.startswith('cuda') and not torch.cuda.is_available():
        raise UserError(f'--device {name}: torch sees no GPU; try cpu')
    try:
        torch.zeros(1, device=name)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f'--device {name} cannot be used: {reason}') from None
    return name


def device_name(device: str) -> str:
    """Name of a device for people."""
    if device.startswith('cuda'):
        return torch.cuda.get_device_name(device)
    if device != 'cpu':
        return device
    name, file = platform.processor(), Path('/proc/cpuinfo')
    if file.is_file():  # Linux, where platform knows the architecture alone
        found = re.search(r'^model name\s*: (.+)$', file.read_text(), re.M)
        name = found[1] if found else name
    return f'{name or "CPU"} ({torch.backends.cpu.get_cpu_capability()})'


def convolution_rate(
    device: torch.device, iters: int = 5, warmup: int = 2
) -> float:
    """Measure a 3x3 convolution of 256 to 256 channels in float32.

    Args:
        device (torch.device): Where.
        iters (int): Timed calls.
        warmup (int): Calls before them.

    Returns:
        float: FLOP per second, a multiplication and its addition being two;
        of the median.
    """
    maps = torch.rand(1, CHANNELS, MAP_SIDE, MAP_SIDE, device=device)
    weight = torch.rand(CHANNELS, CHANNELS, 3, 3, device=device)
    with torch.no_grad():
        times = [
            seconds(lambda: F.conv2d(maps, weight, padding=1), device)
            for _ in range(warmup + iters)
        ]
    work = 2 * weight.numel() * MAP_SIDE**2
    return work / statistics.median(times[warmup:])
