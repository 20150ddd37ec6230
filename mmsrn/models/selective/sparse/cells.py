"""Chosen cells of a map, and their features as rows of a matrix."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Kernel = tuple[int, int]


def dilate(mask: Tensor, kernel: Kernel) -> Tensor:
    """Cells that a convolution looks at.

    Args:
        mask (Tensor): bool, (B, H, W): cells where its output is wanted.
        kernel (tuple[int, int]): Its height and width, odd.

    Returns:
        Tensor: bool, (B, H, W): cells of its input that this output needs.

    Example:
        >>> mask = torch.tensor([[[False, False, False, True]]])
        >>> dilate(mask, (1, 3)).tolist()
        [[[False, False, True, True]]]
    """
    height, width = kernel
    if height == width == 1:
        return mask
    pooled = F.max_pool2d(
        mask[:, None].float(),
        kernel,
        stride=1,
        padding=(height // 2, width // 2),
    )
    return pooled[:, 0] > 0


def clear_last(rows: Tensor) -> Tensor:
    """Set the last row to zero.

    Args:
        rows (Tensor): (n + 1, C); changed itself if it has no gradient, for
            which it may be needed as it is.

    Returns:
        Tensor: (n + 1, C), the last row zero.
    """
    if rows.requires_grad:
        return F.pad(rows[:-1], (0, 0, 0, 1))
    rows[-1] = 0
    return rows


def call(function: type[torch.autograd.Function], *args) -> Tensor:
    """Call a function that knows its gradient.

    Args:
        function (type): Its ``forward`` takes no context.
        *args: Its arguments.

    Returns:
        Tensor: Its result; without gradients at less expense, which counts
        where there are few rows.
    """
    if torch.is_grad_enabled():
        return function.apply(*args)
    return function.forward(*args)


class Cells:
    """A set of cells of the maps of a batch, in a fixed order.

    The features of n cells are the first n rows of a matrix of n + 1 rows,
    whose last is zero: it stands for whatever lies outside the map, as the
    zeros of a padded convolution do.

    Args:
        mask (Tensor): bool, (B, H, W): the cells of the set.

    Example:
        >>> cells = Cells(torch.tensor([[[True, False], [False, True]]]))
        >>> rows = cells.take(torch.arange(4.0).reshape(1, 1, 2, 2))
        >>> rows.flatten().tolist()
        [0.0, 3.0, 0.0]
    """

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask
        self.flat = mask.flatten().nonzero().squeeze(1)

    def __len__(self) -> int:
        return len(self.flat)

    @property
    def shape(self) -> torch.Size:
        """Images, height and width of the maps."""
        return self.mask.shape

    def holds(self, part: Cells) -> bool:
        """Whether all cells of another set are in this one.

        Args:
            part (Cells): The other, of maps of the same size.

        Returns:
            bool: The answer.
        """
        return bool(self.mask.view(-1)[part.flat].all())

    def positions(self) -> tuple[Tensor, Tensor, Tensor]:
        """Image, row and column of every cell, int64, (n,) each."""
        _, height, width = self.shape
        column = self.flat % width
        rest = self.flat // width
        return rest // height, rest % height, column

    def ranks(self, margin: Kernel = (0, 0)) -> Tensor:
        """Number of each cell in the order of the set.

        Args:
            margin (tuple[int, int]): Rows above and below and columns left
                and right of the map to add.

        Returns:
            Tensor: int64, (B, H + 2 * margin, W + 2 * margin): n, the zero
            row, for cells that are not in the set.
        """
        ranks = torch.full(
            self.shape, len(self), dtype=torch.long, device=self.mask.device
        )
        ranks.view(-1)[self.flat] = torch.arange(
            len(self), device=self.mask.device
        )
        height, width = margin
        return F.pad(ranks, (width, width, height, height), value=len(self))

    def neighbours(self, of: Cells, kernel: Kernel) -> Tensor:
        """Rows of this set that a convolution reads at cells of another.

        Args:
            of (Cells): Where its output is wanted.
            kernel (tuple[int, int]): Its height and width, odd.

        Returns:
            Tensor: int64, (cells of the other set, height * width).
        """
        height, width = kernel
        margin = height // 2, width // 2
        ranks = self.ranks(margin)
        wide = ranks.shape[2]
        image, row, column = of.positions()
        corner = (image * ranks.shape[1] + row) * wide + column
        steps = (
            torch.arange(height, device=corner.device)[:, None] * wide
            + torch.arange(width, device=corner.device)
        ).flatten()
        return ranks.view(-1)[corner[:, None] + steps]

    def take(self, maps: Tensor) -> Tensor:
        """Features of the cells.

        Args:
            maps (Tensor): (B, C, H, W).

        Returns:
            Tensor: (n + 1, C), the last row zero.
        """
        return call(_Take, maps, self)

    def choose(self, rows: Tensor, part: Cells) -> Tensor:
        """Features of a part of the cells.

        Args:
            rows (Tensor): Of this set, (n + 1, C).
            part (Cells): A subset.

        Returns:
            Tensor: (cells of the part + 1, C), the last row zero.
        """
        return call(_Choose, rows, self, part)

    def put(self, rows: Tensor, fill: float = 0) -> Tensor:
        """Maps with the features of the cells.

        Args:
            rows (Tensor): (n + 1, C).
            fill (float): For all other cells.

        Returns:
            Tensor: (B, C, H, W), channels last.
        """
        batch, height, width = self.shape
        channels = rows.shape[1]
        maps = rows.new_full((batch * height * width, channels), fill)
        maps[self.flat] = rows[:-1]
        return maps.view(batch, height, width, channels).permute(0, 3, 1, 2)


# What torch makes of the gradients of indexing adds them up one by one.  Here
# each cell is there once: its gradient is copied to its place.


class _Take(torch.autograd.Function):
    """See :meth:`Cells.take`."""

    @staticmethod
    def forward(maps, cells):
        channels = maps.shape[1]
        last = maps.permute(0, 2, 3, 1)  # free if channels come last
        rows = maps.new_empty(len(cells) + 1, channels)
        rows[-1] = 0
        if last.is_contiguous():
            source = last.reshape(-1, channels)
            torch.index_select(source, 0, cells.flat, out=rows[:-1])
        else:
            rows[:-1] = last[cells.positions()]
        return rows

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, ctx.cells = inputs

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        return ctx.cells.put(grad), None


class _Choose(torch.autograd.Function):
    """See :meth:`Cells.choose`."""

    @staticmethod
    def forward(rows, cells, part):
        ranks = cells.ranks().view(-1)[part.flat]
        return rows.index_select(0, F.pad(ranks, (0, 1), value=len(cells)))

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, ctx.cells, ctx.part = inputs

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        of_rows = grad.new_zeros(len(ctx.cells) + 1, grad.shape[1])
        of_rows[ctx.cells.ranks().view(-1)[ctx.part.flat]] = grad[:-1]
        return of_rows, None, None
