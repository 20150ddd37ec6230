"""Up-sampling of chosen cells."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .cells import Cells, call

# Cells whose sources are gathered at once, 16 MiB with 256 channels.
CHUNK = 2**14


def _axis(
    size: int,
    source: int,
    mode: str,
    align_corners: bool,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor, Tensor]:
    """Both sources of every place of an axis, and the weight of the second."""
    place = torch.arange(size, device=device)
    if mode == 'nearest':
        near = place * source // size
        return near, near, torch.zeros(size, device=device)
    place = place.to(dtype)
    if align_corners:
        scale = (source - 1) / (size - 1) if size > 1 else 0.0
        at = place * scale
    else:
        at = ((place + 0.5) * (source / size) - 0.5).clamp(min=0)
    low = at.long().clamp(max=source - 1)
    return low, (low + 1).clamp(max=source - 1), at - low


def sources(
    wanted: Cells,
    size: tuple[int, int],
    mode: str,
    align_corners: bool = False,
) -> Tensor:
    """Cells of a map that cells of the up-sampled map are made of.

    Args:
        wanted (Cells): Cells of the up-sampled map.
        size (tuple[int, int]): Height and width of the map.
        mode, align_corners: As in ``torch.nn.functional.interpolate``.

    Returns:
        Tensor: bool, ``(B, *size)``.
    """
    device = wanted.mask.device
    image, row, column = wanted.positions()
    needed = wanted.mask.new_zeros(wanted.shape[0], *size)
    tops = _axis(wanted.shape[1], size[0], mode, align_corners, device)[:2]
    lefts = _axis(wanted.shape[2], size[1], mode, align_corners, device)[:2]
    for top in tops:
        for left in lefts:
            needed[image, top[row], left[column]] = True
    return needed


def upsample_rows(
    rows: Tensor,
    given: Cells,
    wanted: Cells,
    mode: str,
    align_corners: bool = False,
) -> Tensor:
    """Up-sample at chosen cells.

    Args:
        rows (Tensor): Features of cells of the small map, (cells + 1, C).
        given (Cells): Which, at least :func:`sources`.
        wanted (Cells): Cells of the up-sampled map.
        mode, align_corners: As in ``torch.nn.functional.interpolate``.

    Returns:
        Tensor: (cells of ``wanted`` + 1, C), the last row zero.
    """
    image, row, column = wanted.positions()
    # As torch does: of low precision are the features alone.
    dtype = torch.promote_types(rows.dtype, torch.float32)
    (top, bottom, down), (left, right, aside) = (
        _axis(size, source, mode, align_corners, rows.device, dtype)
        for size, source in zip(wanted.shape[1:], given.shape[1:])
    )
    ranks = given.ranks()
    down, aside = (x.to(rows.dtype) for x in (down[row], aside[column]))
    corners = [(top, left, (1 - down) * (1 - aside))]
    if mode != 'nearest':
        corners += [
            (top, right, (1 - down) * aside),
            (bottom, left, down * (1 - aside)),
            (bottom, right, down * aside),
        ]
    mixed = [
        (ranks[image, rank_row[row], rank_column[column]], weight)
        for rank_row, rank_column, weight in corners
    ]
    return call(_Mix, rows, mixed)


class _Mix(torch.autograd.Function):
    """Weighted sums of rows, a zero row behind them.

    torch would keep the rows of every summand for the gradients of the
    weights, which have none.
    """

    @staticmethod
    def forward(rows, mixed):
        result = rows.new_zeros(len(mixed[0][0]) + 1, rows.shape[1])
        for chosen, weight in mixed:
            for part, ranks, weights in zip(
                *(x.split(CHUNK) for x in (result[:-1], chosen, weight))
            ):
                summand = rows.index_select(0, ranks)
                part.addcmul_(summand, weights[:, None])
        return result

    @staticmethod
    def setup_context(ctx, inputs, output):
        rows, ctx.mixed = inputs
        ctx.num = len(rows)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        of_rows = grad.new_zeros(ctx.num, grad.shape[1])
        for chosen, weight in ctx.mixed:
            for part, ranks, weights in zip(
                *(x.split(CHUNK) for x in (grad[:-1], chosen, weight))
            ):
                of_rows.index_add_(0, ranks, part * weights[:, None])
        return of_rows, None
