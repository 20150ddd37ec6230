"""Selective training: no class logits and no boxes that no loss reads.

The first step runs on whole maps: its logits on the levels of STC and its
deltas on those of STR are read everywhere.  They tell the targets of both
steps, and these tell which outputs of the second step a loss reads, class
logits of Phi (see :class:`STCLoss`) and deltas of positives.  Subnets and neck
run on the cells that these need, forwards and backwards; the other cells of
the maps are zero and have no gradient, as without selection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from mmdet.utils import InstanceList, OptInstanceList
from torch import Tensor, nn

from ..two_step import TwoStepMaps, TwoStepTargets
from ..utils import cells_with, flatten_levels, level_mask
from .sparse import Cells, Pyramid, RowPlan, RowsOrMaps

if TYPE_CHECKING:
    from ..dense_heads import SRNHead

Maps = list[Tensor | None]


def selective_loss(
    head: SRNHead,
    choice: RowsOrMaps,
    pyramid: Pyramid,
    batch_gt_instances: InstanceList,
    batch_img_metas: list[dict],
    batch_gt_instances_ignore: OptInstanceList = None,
) -> dict[str, Tensor]:
    """Losses of both steps, computed where they are read.

    Args:
        head (SRNHead): The head.
        choice (RowsOrMaps): Of rows or maps.
        pyramid (Pyramid): The maps.
        batch_gt_instances, batch_img_metas, batch_gt_instances_ignore: See
            ``SRNHead.loss_by_feat``.

    Returns:
        dict[str, Tensor]: See ``SRNHead.loss_by_feat``.

    Raises:
        ValueError: If a map that is needed does not exist, or a layer that
            should does not run on rows.
    """
    cls_fs, bbox_fs = _first_step(head, pyramid)
    logits_fs = flatten_levels(cls_fs, head.cls_out_channels)
    deltas_fs = flatten_levels(bbox_fs, head.bbox_coder.encode_size)
    targets = head.assign(
        pyramid.sizes,
        deltas_fs,
        batch_gt_instances,
        batch_img_metas,
        batch_gt_instances_ignore,
    )
    read = [
        [
            cells_with(x, size)
            for x, size in zip(
                priors.split(targets.level_sizes, dim=1), pyramid.sizes
            )
        ]
        for priors in read_by_losses(head, targets, logits_fs)
    ]
    cls_ss, bbox_ss = _second_step(
        head, choice, pyramid, cls_fs, bbox_fs, *read
    )
    joined = TwoStepMaps(
        logits_fs,
        deltas_fs,
        flatten_levels(cls_ss, head.cls_out_channels),
        flatten_levels(bbox_ss, head.bbox_coder.encode_size),
    )
    return head.losses(joined, targets)


@torch.no_grad()
def read_by_losses(
    head: SRNHead, targets: TwoStepTargets, logits_fs: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Which outputs of the second step the losses read.

    Args:
        head (SRNHead): The head.
        targets (TwoStepTargets): See ``SRNHead.assign``.
        logits_fs (Tensor, optional): On the levels of STC, (B, M,
            channels); ``None`` without such levels.

    Returns:
        tuple[Tensor, Tensor]: bool, (B, N) each: class logits and deltas.
    """
    first, second = targets.first, targets.second
    sizes, device = targets.level_sizes, second.labels.device
    selected = head.gate.select(
        second.labels,
        None if logits_fs is None else head.probabilities(logits_fs),
        level_mask(head.stc_levels, sizes, device),
        head.num_classes,
    )
    regressed = torch.zeros_like(selected)
    regressed[second.pos_inds] = True
    if head.loss_stc.takes_quality:  # see step_qualities
        images, inds = first.pos_inds
        unmoved = ~level_mask(head.str_levels, sizes, device)[inds]
        regressed[images[unmoved], inds[unmoved]] = True
    return selected, regressed


def _first_step(head: SRNHead, pyramid: Pyramid) -> tuple[Maps, Maps]:
    """Whole maps of class logits and deltas."""
    head.check_first_maps(pyramid.first_levels)
    levels = range(head.prior_generator.num_levels)
    cls_fs: Maps = [None for _ in levels]
    bbox_fs: Maps = [None for _ in levels]
    for i in sorted({*head.stc_levels, *head.str_levels}):
        maps = pyramid.first(i)
        if i in head.stc_levels:
            cls_fs[i] = head.class_logits(head.forward_cls(maps, True), i)
        if i in head.str_levels:
            bbox_fs[i] = head.forward_reg(maps, first=True)
    return cls_fs, bbox_fs


def _second_step(
    head: SRNHead,
    choice: RowsOrMaps,
    pyramid: Pyramid,
    cls_fs: Maps,
    bbox_fs: Maps,
    cls_read: list[Tensor],
    bbox_read: list[Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    """Maps of class logits and deltas, zero where nothing reads them.

    Both are those of the first step where that has the same maps and layers.
    """
    cls_ss, bbox_ss = list(cls_fs), list(bbox_fs)
    cls_wanted, bbox_wanted = {}, {}
    for i in range(head.prior_generator.num_levels):
        refine = head.refine_predictor and i in head.str_levels
        if not pyramid.shared or head.separate_cls or cls_fs[i] is None:
            cls_wanted[i] = _Wanted(
                head.forward_cls, head.cls_layers(), cls_read[i]
            )
        if (
            not pyramid.shared
            or head.separate_reg
            or refine
            or bbox_fs[i] is None
        ):
            bbox_wanted[i] = _Wanted(
                partial(head.forward_reg, refine=refine),
                head.reg_layers(refine),
                bbox_read[i],
            )
    cls_found, bbox_found = _compute(
        pyramid, choice, (cls_wanted, bbox_wanted)
    )
    for i, maps in cls_found.items():
        cls_ss[i] = head.class_logits(maps, i)
    for i, maps in bbox_found.items():
        bbox_ss[i] = maps
    return cls_ss, bbox_ss


class _Wanted(NamedTuple):
    """Cells, (B, H, W), where an output is wanted, and what computes it.

    ``forward`` takes a whole map, and is the same as all ``layers`` in turn.
    """

    forward: Callable[[Tensor], Tensor]
    layers: Sequence[nn.Module]
    cells: Tensor


def _compute(
    pyramid: Pyramid,
    choice: RowsOrMaps,
    outputs: Sequence[dict[int, _Wanted]],
) -> list[dict[int, Tensor]]:
    """What is wanted of each level, one dict for each of ``outputs``.

    Even of no cell at all: each weight gets a gradient, if one of zero, or
    processes that train together would wait for it.
    """
    plans = [
        {i: choice.plan(x.layers, x.cells) for i, x in output.items()}
        for output in outputs
    ]
    whole = sorted({i for x in plans for i, plan in x.items() if plan is None})
    # Whole maps first: rows of lower levels may use what these leave.
    maps = pyramid.maps(whole)
    given: dict[int, Cells] = {}
    for plan_of in plans:
        for i, plan in plan_of.items():
            if i not in maps:
                given[i] = _union(given.get(i), plan.sets[0])
    rows = pyramid.rows(given)

    def run(level: int, wanted: _Wanted, plan: RowPlan | None) -> Tensor:
        if plan is None:
            return wanted.forward(maps[level])
        start = plan.sets[0]
        if level in maps:
            taken = start.take(maps[level])
        else:
            taken = given[level].choose(rows[level], start)
        return plan.sets[-1].put(plan(taken))

    return [
        {i: run(i, output[i], plan) for i, plan in plan_of.items()}
        for output, plan_of in zip(outputs, plans)
    ]


def _union(one: Cells | None, other: Cells) -> Cells:
    """Cells of either set."""
    if one is None:
        return other
    return one if one.holds(other) else Cells(one.mask | other.mask)
