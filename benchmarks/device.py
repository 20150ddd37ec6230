"""The device that a benchmark runs on."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import torch

from mmsrn.utils.errors import UserError


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
