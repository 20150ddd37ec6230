"""Selective inference: the second step only where it can find something.

The first step runs on whole maps.  On a level of STC, the second step computes
class logits only in cells where a prior survives, and boxes only where these
logits exceed ``score_thr``. :class:`RowPlan` traces the cells that this needs
back through subnet and neck; docs/selective_inference.md explains it.

The idea is that of SRN's STC (arXiv 1809.02693, section on STC), which the
published code uses to choose scores that it has already computed.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..two_step import TwoStepMaps
from ..utils import flatten_levels
from ..utils.winograd import WinogradConvolutions, is_large
from .sparse import Pyramid, RowPlan, RowsOrMaps, run_in_bands

if TYPE_CHECKING:
    from ..dense_heads import SRNHead

Maps = list[Tensor | None]


def _coarsely(dtype: str, device: str) -> AbstractContextManager:
    """A context in which layers compute coarsely."""
    if dtype == 'float32':
        return WinogradConvolutions()
    # A cache would mix up weights with those of an outer autocast.
    return torch.autocast(device, getattr(torch, dtype), cache_enabled=False)


@torch.no_grad()
def selective_forward(
    head: SRNHead,
    pyramid: Pyramid,
    choice: RowsOrMaps,
    coarse_dtype: str | None = None,
    coarse_band: float = 0,
) -> TwoStepMaps:
    """Predict both steps where needed, without gradients.

    Args:
        head (SRNHead): The head.
        pyramid (Pyramid): The maps.
        choice (RowsOrMaps): Of rows or maps.
        coarse_dtype (str, optional): What the first step runs in first.
        coarse_band (float): How far its logits may then be off.

    Returns:
        TwoStepMaps: As of ``SRNHead.forward``.  Class logits are 0 in cells
        that the first step drops, and box deltas in cells without a score
        above the threshold: ``predict_by_feat`` makes no boxes of either.

    Raises:
        ValueError: If ``choice`` is to run on rows and a layer does not
            run on rows, or a map that is needed does not exist.
    """
    coarse = coarse_dtype, coarse_band
    return _SelectiveForward(head, pyramid, choice, coarse).run()


def undecided(head: SRNHead, first: Tensor, band: float) -> Tensor:
    """Priors of a level of STC that inexact logits leave undecided.

    Args:
        head (SRNHead): The head.
        first (Tensor): First-step logits that may be off, (B, priors *
            channels, H, W).
        band (float): By how much, at most, what the predictor puts out.

    Returns:
        Tensor: bool, (B, H, W, priors): where the second step sees the prior
        or not depending on the error, or a logit is not finite.
    """
    batch, _, height, width = first.shape
    logits = flatten_levels([first], head.cls_out_channels)
    if not head.use_sigmoid_cls or (
        head.predictor_channels != head.num_base_priors * logits.shape[-1]
    ):
        band *= 2  # the difference of two such numbers decides
    logits = logits.view(batch, height, width, -1, logits.shape[-1])
    shift = logits.new_full((logits.shape[-1],), band)
    if not head.use_sigmoid_cls:
        shift[-1] = 0  # of the background
    open_ = head.gate.undecided(
        head.probabilities(logits - shift), head.probabilities(logits + shift)
    )
    return open_ | ~logits.isfinite().all(dim=-1)


class _SelectiveForward:
    """The state of one call."""

    def __init__(
        self,
        head: SRNHead,
        pyramid: Pyramid,
        choice: RowsOrMaps,
        coarse: tuple[str | None, float],
    ) -> None:
        head.check_first_maps(pyramid.first_levels)
        self.head = head
        self.pyramid = pyramid
        self.cfg = head.test_cfg or {}
        self.choice = choice
        self.coarse_dtype, self.coarse_band = coarse
        self.levels = range(head.prior_generator.num_levels)
        # Whether the scores of both steps are one, on the levels of STC.
        self.same_scores = pyramid.shared and not head.separate_cls
        # Class plans of the levels that run on rows, and the rows they took.
        self.plans: dict[int, RowPlan] = {}
        self.rows: dict[int, Tensor] = {}

    def run(self) -> TwoStepMaps:
        head = self.head
        cls_fs = [
            self._first_scores(i) if i in head.stc_levels else None
            for i in self.levels
        ]
        cls_ss = self._second_scores(cls_fs)
        found = [
            head.detectable(x, y, self.cfg).any(dim=-1).any(dim=-1)
            for x, y in zip(cls_fs, cls_ss)
        ]
        bbox_ss = [self._boxes(i, found[i], False) for i in self.levels]
        same = self.pyramid.shared and not (
            head.refine_predictor or head.separate_reg
        )
        bbox_fs: Maps = [None] * len(self.levels)
        for i in head.str_levels:
            bbox_fs[i] = bbox_ss[i] if same else self._boxes(i, found[i], True)
        return TwoStepMaps(cls_fs, bbox_fs, cls_ss, bbox_ss)

    def _class_scores(self, maps: Tensor, first: bool = False) -> Tensor:
        """What a class predictor gives on whole maps."""
        return run_in_bands(
            lambda x: self.head.forward_cls(x, first),
            self.head.cls_layers(first),
            maps,
        )

    def _first_scores(self, level: int) -> Tensor:
        """First-step logits, exact wherever something depends on it."""
        head, maps = self.head, self.pyramid.first(level)
        layers, dtype = head.cls_layers(True), self.coarse_dtype
        if dtype == 'float32' and not is_large(maps):
            dtype = None  # nothing would be coarse
        if dtype is not None and self.choice.allows(layers):
            with _coarsely(dtype, maps.device.type):
                scores = self._class_scores(maps, True)
            logits = head.class_logits(scores.float(), level)
            again = undecided(head, logits, self.coarse_band)
            if self.same_scores:
                again |= head.passes_gate(logits)
            again = again.any(dim=-1)
            plan = self.choice.plan(layers, again)
            if plan is not None:
                exact = plan.sets[-1].put(plan(plan.sets[0].take(maps)))
                exact = head.class_logits(exact, level)
                return exact.where(again[:, None], logits)
        return head.class_logits(self._class_scores(maps, True), level)

    def _second_scores(self, cls_fs: Maps) -> list[Tensor]:
        head, pyramid = self.head, self.pyramid
        for i in head.stc_levels:
            if self.same_scores:
                continue
            alive = head.passes_gate(cls_fs[i]).any(dim=-1)
            plan = self.choice.plan(head.cls_layers(), alive)
            if plan is not None:
                self.plans[i] = plan
        dense = [i for i in self.levels if i not in self.plans]
        # Whole maps first: rows of lower levels may use what these leave.
        maps = pyramid.maps(
            [
                i
                for i in dense
                if not (self.same_scores and i in head.stc_levels)
            ]
        )
        self.rows = pyramid.rows(
            {i: plan.sets[0] for i, plan in self.plans.items()}
        )
        scores = []
        for i in self.levels:
            if i in self.plans:
                plan = self.plans[i]
                found = plan.sets[-1].put(plan(self.rows[i]))
                scores.append(head.class_logits(found, i))
            elif i in maps:
                found = self._class_scores(maps[i])
                scores.append(head.class_logits(found, i))
            else:
                scores.append(cls_fs[i])
        return scores

    def _boxes(self, level: int, wanted: Tensor, first: bool) -> Tensor:
        """Box deltas of a level in one step."""
        head = self.head
        refine = not first and (
            head.refine_predictor and level in head.str_levels
        )
        if not wanted.any():
            channels = head.num_base_priors * head.bbox_coder.encode_size
            size = len(wanted), channels, *wanted.shape[1:]
            return torch.zeros(size, device=wanted.device)
        plan = self.choice.plan(head.reg_layers(refine, first), wanted)
        if plan is not None and not first and level in self.plans:
            given = self.plans[level].sets[0]
            # Of the cells of the class plan: no map of this level exists.
            if given.holds(plan.sets[0]):
                rows = given.choose(self.rows[level], plan.sets[0])
                return plan.sets[-1].put(plan(rows))
        if first:
            maps = self.pyramid.first(level)
        else:
            maps = self.pyramid.maps([level])[level]
        if plan is None:
            return run_in_bands(
                lambda x: head.forward_reg(x, refine, first),
                head.reg_layers(refine, first),
                maps,
            )
        return plan.sets[-1].put(plan(plan.sets[0].take(maps)))
