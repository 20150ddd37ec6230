"""Winograd's convolutions: fewer multiplications, larger rounding errors.

A 3x3 convolution of a tile of 4x4 cells takes 36 multiplications for each pair
of channels where the definition takes 144.  Tiles are transformed, multiplied
channel by channel and transformed back.

Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks
(arXiv 1509.09308), F(4x4, 3x3).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .pointwise_conv import pointwise_dilation

TILE = 4
# Cells of a tile of the input.
SIDE = TILE + 2
# Tiles that are handled at once: 10 MiB with 256 channels.  With more there is
# less to set up, but fresh memory takes longer than that.
TILES = 300
# Fewer cells, or channels, are not worth the transforms.
LEAST_CELLS = 2048
LEAST_CHANNELS = 256

_OF_INPUT = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
_OF_WEIGHT = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
_OF_OUTPUT = [
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
]


def _both_axes(rows: list[list[float]], like: Tensor) -> Tensor:
    """A transform of rows and columns, as one matrix."""
    matrix = torch.tensor(rows, dtype=torch.float64)
    return torch.kron(matrix, matrix).to(like)


def winograd_conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """A 3x3 convolution with a padding of 1.

    Args:
        x (Tensor): (B, C, H, W), best if its channels come last in memory.
        weight (Tensor): (C', C, 3, 3).
        bias (Tensor, optional): (C',).

    Returns:
        Tensor: (B, C', H, W), channels last in memory.

    Example:
        >>> x, weight = torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 3)
        >>> winograd_conv2d(x, weight).round().flatten().tolist()
        [4.0, 4.0, 4.0, 4.0]
    """
    batch, inputs, height, width = x.shape
    outputs = len(weight)
    of_input, of_weight, of_output = (
        _both_axes(rows, x) for rows in (_OF_INPUT, _OF_WEIGHT, _OF_OUTPUT)
    )
    kernel = of_weight @ weight.permute(2, 3, 0, 1).reshape(9, -1)
    # A group of a convolution for each of the places of a tile.
    kernel = kernel.view(-1, inputs, 1, 1)
    down, across = -(-height // TILE), -(-width // TILE)
    padding = (
        *(0, 0),
        *(1, TILE * across + 1 - width),
        *(1, TILE * down + 1 - height),
    )
    padded = F.pad(x.permute(0, 2, 3, 1), padding)
    image, row, column, _ = padded.stride()
    result = x.new_empty(batch, down, TILE, across, TILE, outputs)
    rows = max(TILES // across, 1)
    for i in range(batch):
        for top in range(0, down, rows):
            num = min(rows, down - top)
            # Tiles overlap by two cells.
            tiles = padded.as_strided(
                (num, across, SIDE, SIDE, inputs),
                (TILE * row, TILE * column, row, column, 1),
                i * image + top * TILE * row,
            ).reshape(-1, SIDE**2, inputs)
            tiles = torch.matmul(of_input, tiles)
            tiles = tiles.view(1, num, across, -1).permute(0, 3, 1, 2)
            tiles = F.conv2d(
                tiles,
                kernel,
                dilation=pointwise_dilation(tiles),
                groups=SIDE**2,
            )
            tiles = tiles.permute(0, 2, 3, 1).reshape(-1, SIDE**2, outputs)
            tiles = torch.matmul(of_output, tiles)
            tiles = tiles.view(num, across, TILE, TILE, outputs)
            result[i, top : top + num] = tiles.transpose(1, 2)
    result = result.view(batch, TILE * down, TILE * across, outputs)
    result = result[:, :height, :width]
    result = result.clone() if bias is None else result + bias
    return result.permute(0, 3, 1, 2)


class WinogradConvolutions(TorchFunctionMode):
    """A context in which 3x3 convolutions are Winograd's, where these pay.

    That is on a CPU, in float32, on large maps of many channels.  Results
    differ from those of the definition by some 1e-5 of their size.

    Example:
        >>> conv = torch.nn.Conv2d(256, 256, 3, padding=1)
        >>> with torch.no_grad(), WinogradConvolutions():
        ...     conv(torch.zeros(1, 256, 64, 64)).shape
        torch.Size([1, 256, 64, 64])
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Replace a call of ``conv2d``; see ``TorchFunctionMode``."""
        kwargs = kwargs or {}
        if func is torch.conv2d and _pays(*args, **kwargs):
            return winograd_conv2d(*args[:2], _bias(*args, **kwargs))
        return func(*args, **kwargs)


def _bias(input, weight, bias=None, *args, **kwargs):
    return bias


def _pays(
    input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1
) -> bool:
    """Whether a convolution is one that takes less time."""
    ones = (1, (1, 1), [1, 1])
    return (
        is_large(input)
        and tuple(weight.shape[2:]) == (3, 3)
        and stride in ones
        and padding in ones
        and dilation in ones
        and groups == 1
        and len(weight) >= LEAST_CHANNELS
    )


def is_large(maps: Tensor) -> bool:
    """Whether there are maps whose convolutions Winograd's can replace.

    Args:
        maps (Tensor): (B, C, H, W).

    Returns:
        bool: The answer: on a CPU, in float32, of many channels and cells.
    """
    return (
        maps.device.type == 'cpu'
        and maps.dtype == torch.float32
        and not torch.is_autocast_enabled('cpu')
        and maps.shape[1] >= LEAST_CHANNELS
        and maps[0, 0].numel() >= LEAST_CELLS
    )
