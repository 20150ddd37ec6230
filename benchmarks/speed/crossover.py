"""From which share of the work on, whole maps are faster than rows."""

from __future__ import annotations

import statistics

import torch
from torch import Tensor

from benchmarks.timing import seconds, take_turns
from mmsrn.models.dense_heads import SRNHead
from mmsrn.models.selective.sparse import RowPlan, runs_on_rows, share_of_work
from mmsrn.utils.errors import UserError
from mmsrn.utils.one_line import one_line

from .imposed_cells import blobs

HALVINGS = 7


@torch.no_grad()
def measure_crossover(
    head: SRNHead, maps: Tensor, iters: int, warmup: int
) -> dict:
    """Measure the crossover of the class subnet on one level.

    Active cells are discs, see ``blobs``; their share is found by bisection.
    What selective inference adds counts as its own: the plan, taking the rows
    and putting the result back.

    Args:
        head (SRNHead): The head.
        maps (Tensor): Second-step map of the level, (B, C, H, W).
        iters (int): Timed calls of each way, for each share.
        warmup (int): Calls before them.

    Returns:
        dict: ``crossover``, of inference: the share of the multiply-adds
        of whole maps at which both ways take the same time; ``tried``, a list
        of ``active`` (share of the cells), ``work`` (``share_of_work``) and
        ``ratio`` (time on rows over that on the map).

    Raises:
        UserError: If the subnet does not run on rows.
    """
    layers = head.cls_layers()
    unfit = [x for x in layers if not runs_on_rows(x)]
    if unfit:
        raise UserError(
            f'--calibrate: {one_line(unfit[0])} does not run on rows; '
            "inference='dense' is the only way"
        )

    def dense() -> None:
        head.forward_cls(maps)

    def selective(wanted: Tensor) -> None:
        plan = RowPlan(layers, wanted)
        plan.sets[-1].put(plan(plan.sets[0].take(maps)))

    tried = []
    low, high = 0.0, 1.0
    works = [0.0, 1.0]
    for _ in range(HALVINGS):
        active = (low + high) / 2
        wanted = blobs(tuple(maps.shape[-2:]), active).to(maps.device)
        wanted = wanted.expand(len(maps), -1, -1)
        times = take_turns(
            {
                way: lambda call=call: seconds(call, maps.device)
                for way, call in (
                    ('map', dense),
                    ('rows', lambda wanted=wanted: selective(wanted)),
                )
            },
            iters,
            warmup,
            f'Crossover, {active:.1%} of the cells',
        )
        ratio = statistics.median(times['rows'])
        ratio /= statistics.median(times['map'])
        work = share_of_work(RowPlan(layers, wanted))
        tried.append(dict(active=active, work=work, ratio=ratio))
        if ratio < 1:
            low, works[0] = active, work
        else:
            high, works[1] = active, work
    return dict(crossover=sum(works) / 2, tried=tried)
