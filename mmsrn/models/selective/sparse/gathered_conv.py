"""Convolutions on rows: matrix products of gathered neighbours."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ...utils.pointwise_conv import pointwise_dilation
from .cells import Cells, call, clear_last

# Rows that are gathered at once: bounds the memory that the matrix of a 3x3
# convolution takes, 18 MiB with 256 channels.
CHUNK = 2048


def convolve(
    layer: nn.Conv2d, rows: Tensor, given: Cells, wanted: Cells
) -> Tensor:
    """Convolve rows; gradients pass through it.

    Args:
        layer (nn.Conv2d): Of stride 1 and "same" padding with zeros; with
            groups only if its kernel is 1x1.
        rows (Tensor): Features of its input, (cells + 1, C).
        given (Cells): Where: all cells that it looks at.
        wanted (Cells): Where its output is wanted.

    Returns:
        Tensor: Features of its output, (cells + 1, C'), the last row zero.
    """
    if layer.kernel_size != (1, 1):
        return call(
            _GatheredConv, rows, layer.weight, layer.bias, given, wanted
        )
    if given is not wanted:
        rows = given.choose(rows, wanted)
    if rows.requires_grad or (
        torch.is_grad_enabled() and layer.weight.requires_grad
    ):
        # At once: each part of a result is a copy of all its gradient.
        parts = [rows]
    else:
        parts = rows.split(CHUNK)
    return clear_last(
        _products(parts, len(rows), layer.weight, layer.bias, layer.groups)
    )


class _GatheredConv(torch.autograd.Function):
    """A larger kernel, which sees a matrix of the neighbours of each cell.

    That matrix has as many columns as the kernel has weights for an output.
    It is not kept for the gradients, but gathered again.
    """

    @staticmethod
    def forward(rows, weight, bias, given, wanted):
        if bias is not None:
            # Autocast would keep its copy without a graph, for maps too.
            bias = bias.detach()
        # To the order of the gathered rows.
        matrix = weight.permute(0, 2, 3, 1).flatten(1)[:, :, None, None]
        near = given.neighbours(wanted, weight.shape[2:])
        near = F.pad(near, (0, 0, 0, 1), value=len(given))
        parts = (_gather(rows, chosen) for chosen in near.split(CHUNK))
        result = clear_last(_products(parts, len(near), matrix, bias))
        # An activation may not write into a view that was made here.
        return result.detach()

    @staticmethod
    def setup_context(ctx, inputs, output):
        rows, weight, bias, ctx.given, ctx.wanted = inputs
        ctx.save_for_backward(rows, weight)
        ctx.with_bias = bias is not None

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        rows, weight = ctx.saved_tensors
        need_rows, need_weight, need_bias = ctx.needs_input_grad[:3]
        grad = grad[:-1].contiguous()
        near = ctx.given.neighbours(ctx.wanted, weight.shape[2:])
        of_rows = of_weight = of_bias = None
        if need_rows:
            of_rows = _rows_gradient(rows, weight, near, grad)
        if need_weight:
            of_weight = _weight_gradient(rows, weight, near, grad)
        if need_bias and ctx.with_bias:
            of_bias = grad.sum(dim=0, dtype=weight.dtype)
        return of_rows, of_weight, of_bias, None, None


def _gather(rows: Tensor, near: Tensor) -> Tensor:
    """Neighbours of each cell in one row."""
    num, kernel = near.shape
    gathered = rows.index_select(0, near.flatten())
    return gathered.view(num, kernel * rows.shape[1])


def _rows_gradient(
    rows: Tensor, weight: Tensor, near: Tensor, grad: Tensor
) -> Tensor:
    """Gradient of the input: what each cell gives to its neighbours.

    On a CPU it is added up in a fixed order; on a GPU torch does so on
    demand (``torch.use_deterministic_algorithms``).
    """
    matrix = weight.to(grad.dtype).permute(2, 3, 1, 0).flatten(0, 2)
    matrix = matrix[:, :, None, None]
    # In full precision, as a convolution adds up.
    full = torch.promote_types(rows.dtype, torch.float32)
    total = torch.zeros_like(rows, dtype=full)
    for chosen, part in zip(near.split(CHUNK), grad.split(CHUNK)):
        if len(part):
            given = _product(part, matrix, None).view(-1, rows.shape[1])
            total.index_add_(0, chosen.flatten(), given.to(full))
    return total.to(rows.dtype)


def _weight_gradient(
    rows: Tensor, weight: Tensor, near: Tensor, grad: Tensor
) -> Tensor:
    """Gradient of the weight, added up in its own precision."""
    outputs, inputs, height, width = weight.shape
    size = outputs, height * width * inputs, 1, 1
    total = weight.new_zeros(size)
    for chosen, part in zip(near.split(CHUNK), grad.split(CHUNK)):
        gathered = _gather(rows, chosen).to(grad.dtype)
        if len(part):
            total += torch.nn.grad.conv2d_weight(
                _image(gathered),
                size,
                _image(part),
                dilation=pointwise_dilation(part),
            )
    total = total.view(outputs, height, width, inputs)
    return total.permute(0, 3, 1, 2)


def _products(
    parts: Iterable[Tensor],
    num: int,
    weight: Tensor,
    bias: Tensor | None,
    groups: int = 1,
) -> Tensor:
    """Matrix products of parts of rows, in one matrix of ``num`` rows."""
    result, start = None, 0
    for part in parts:
        done = _product(part, weight, bias, groups)
        if len(done) == num:
            return done
        if result is None:
            result = done.new_empty(num, done.shape[1])
        result[start : start + len(done)] = done
        start += len(done)
    return result


def _product(
    rows: Tensor, weight: Tensor, bias: Tensor | None, groups: int = 1
) -> Tensor:
    """Matrix product, as a 1x1 convolution of an image of one row.

    For what oneDNN does with that takes less than half the time of
    ``torch.mm`` on some processors, and it takes bias and groups.
    """
    image = _image(rows)
    dilation = pointwise_dilation(image)
    result = F.conv2d(image, weight, bias, dilation=dilation, groups=groups)
    return result.permute(0, 2, 3, 1).flatten(0, 2)


def _image(rows: Tensor) -> Tensor:
    """Rows as an image, (1, C, 1, cells)."""
    return rows[None, None].permute(0, 3, 1, 2)
