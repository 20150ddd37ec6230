"""What a layer needs, and what it gives, on chosen cells.

Every layer keeps its own weights: it is asked which cells of its input the
wanted cells of its output need (:func:`grow`), and run on their rows
(:func:`run`).  A layer of another kind joins in by registering both.
"""

from __future__ import annotations

from functools import singledispatch

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from torch import Tensor, nn

from ...layers import RFE
from ...utils.pointwise_conv import PointwiseConv2d
from .cells import Cells, clear_last, dilate
from .gathered_conv import convolve


class RowPlan:
    """The sets of cells that a chain of layers goes through.

    Args:
        layers (Sequence[nn.Module]): The layers, first to last.
        wanted (Tensor): bool, (B, H, W): where the output is wanted.

    Attributes:
        sets (list[Cells]): The input of each layer, and the output of the
            last.
    """

    def __init__(self, layers, wanted: Tensor) -> None:
        self.layers = list(layers)
        masks = [wanted]
        for layer in reversed(self.layers):
            masks.insert(0, grow(layer, masks[0]))
        self.sets = [Cells(masks[0])]
        for before, mask in zip(masks, masks[1:]):
            same = mask is before
            self.sets.append(self.sets[-1] if same else Cells(mask))

    def __call__(self, rows: Tensor) -> Tensor:
        """Run the layers.

        Args:
            rows (Tensor): Features of ``sets[0]``, (cells + 1, C).

        Returns:
            Tensor: Features of ``sets[-1]``, (cells + 1, C).
        """
        for layer, given, wanted in zip(self.layers, self.sets, self.sets[1:]):
            rows = run(layer, rows, given, wanted)
        return rows


def share_of_work(plan: RowPlan) -> float:
    """Work of a plan over that of the layers on whole maps.

    Args:
        plan (RowPlan): The plan.

    Returns:
        float: Weights times cells of the output of each layer, 0 to 1.  The
        reduction of RFE, which needs more cells, is counted as the rest.
    """
    done = whole = 0
    for layer, cells in zip(plan.layers, plan.sets[1:]):
        weights = sum(x.numel() for x in layer.parameters())
        done += weights * len(cells)
        whole += weights * cells.mask.numel()
    return done / max(whole, 1)


@singledispatch
def grow(layer: nn.Module, wanted: Tensor) -> Tensor:
    """Cells of a layer's input that cells of its output need.

    Args:
        layer (nn.Module): The layer.
        wanted (Tensor): bool, (B, H, W): cells of its output.

    Returns:
        Tensor: bool, (B, H, W).
    """
    raise NotImplementedError(_refusal(layer))


@singledispatch
def run(layer: nn.Module, rows: Tensor, given: Cells, wanted: Cells) -> Tensor:
    """Run a layer on rows.

    Args:
        layer (nn.Module): The layer.
        rows (Tensor): Features of its input, (cells + 1, C).
        given (Cells): Where, at least ``grow(layer, wanted.mask)``.
        wanted (Cells): Where its output is wanted.

    Returns:
        Tensor: Features of its output, (cells + 1, C'), the last row zero.
    """
    raise NotImplementedError(_refusal(layer))


@singledispatch
def runs_on_rows(layer: nn.Module) -> bool:
    """Whether a layer gives on rows what it gives on maps.

    Not, for instance, if it has a norm over the whole map, or hooks, which
    may change its weights (``torch.nn.utils.prune``) or its result.

    Args:
        layer (nn.Module): The layer.

    Returns:
        bool: The answer.
    """
    return False


def _refusal(layer: nn.Module) -> str:
    return (
        f'{type(layer).__name__} cannot run on rows; register it in '
        f"{__name__}, or compute whole maps: 'dense'"
    )


# --- convolutions ------------------------------------------------------------


def _has_hooks(layer: nn.Module) -> bool:
    """Whether something happens around a call, which rows do without."""
    return bool(layer._forward_pre_hooks or layer._forward_hooks)


@runs_on_rows.register
def _(layer: nn.Conv2d) -> bool:
    return (
        type(layer) in (nn.Conv2d, PointwiseConv2d)
        and not _has_hooks(layer)
        and all(side % 2 for side in layer.kernel_size)
        and layer.stride == (1, 1)
        and layer.dilation == (1, 1)
        and layer.padding == tuple(side // 2 for side in layer.kernel_size)
        and layer.padding_mode == 'zeros'
        and (layer.groups == 1 or layer.kernel_size == (1, 1))
    )


@grow.register
def _(layer: nn.Conv2d, wanted: Tensor) -> Tensor:
    return dilate(wanted, layer.kernel_size)


@run.register
def _(layer: nn.Conv2d, rows: Tensor, given: Cells, wanted: Cells) -> Tensor:
    return convolve(layer, rows, given, wanted)


# --- mmcv's convolution with norm and activation -----------------------------


# Exactly these, as everywhere here: a subclass may look at the whole map.
_BATCH_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)


def _is_local(norm: nn.Module | None) -> bool:
    if type(norm) in _BATCH_NORMS:
        return not norm.training and norm.running_mean is not None
    return norm is None or type(norm) is nn.Identity  # folded


@runs_on_rows.register
def _(layer: ConvModule) -> bool:
    return (
        type(layer) is ConvModule
        and not any(_has_hooks(x) for x in layer.modules())
        and runs_on_rows(layer.conv)
        and layer.order == ('conv', 'norm', 'act')
        and not layer.with_explicit_padding
        and not layer.with_spectral_norm
        and _is_local(layer.norm)
        and (not layer.with_activation or type(layer.activate) in _POINTWISE)
    )


# Activations of single numbers; these make zero of zero.
_KEEP_ZERO = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU),
    *(nn.Hardswish, nn.Tanh, nn.Mish),
)
_POINTWISE = (*_KEEP_ZERO, nn.Hardsigmoid, nn.Sigmoid)


@grow.register
def _(layer: ConvModule, wanted: Tensor) -> Tensor:
    return grow(layer.conv, wanted)


@run.register
def _(layer: ConvModule, rows: Tensor, given: Cells, wanted: Cells) -> Tensor:
    rows = run(layer.conv, rows, given, wanted)
    norm = layer.norm
    if type(norm) in _BATCH_NORMS:
        rows = F.batch_norm(
            rows,
            norm.running_mean,
            norm.running_var,
            norm.weight,
            norm.bias,
            eps=norm.eps,
        )
    keeps_zero = norm is None
    if layer.with_activation:
        rows = layer.activate(rows)
        keeps_zero &= type(layer.activate) in _KEEP_ZERO
    return rows if keeps_zero else clear_last(rows)


# --- RFE ---------------------------------------------------------------------


def _parts(layer: RFE) -> list[ConvModule]:
    return [layer.reduce, *layer.strips, layer.expand, layer.project]


@runs_on_rows.register
def _(layer: RFE) -> bool:
    return (
        type(layer) is RFE
        and not _has_hooks(layer)
        and all(runs_on_rows(x) for x in _parts(layer))
    )


@grow.register
def _(layer: RFE, wanted: Tensor) -> Tensor:
    mask = wanted
    for strip in layer.strips:
        mask = mask | grow(strip, wanted)
    return mask


@run.register
def _(layer: RFE, rows: Tensor, given: Cells, wanted: Cells) -> Tensor:
    reduced = run(layer.reduce, rows, given, given)
    parts = reduced.chunk(len(layer.strips), dim=1)
    strips = [
        run(strip, part.contiguous(), given, wanted)
        for strip, part in zip(layer.strips, parts)
    ]
    enhanced = run(layer.expand, torch.cat(strips, dim=1), wanted, wanted)
    enhanced = run(layer.project, enhanced, wanted, wanted)
    # Added to what no gradient needs as it is now.
    result = given.choose(rows, wanted)
    result += enhanced
    return result
