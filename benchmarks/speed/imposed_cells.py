"""Cells that count as active, whatever the weights say.

How fast selective inference is depends on how much the first step leaves.
With random weights that is chance; this puts a known share in its place, in
compact groups, as faces are.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mmsrn.models.dense_heads import SRNHead
from mmsrn.models.two_step import STCGate
from mmsrn.utils.errors import UserError

RADII = (1, 2, 3)  # cells, of the discs
SEED = 0
# Cells that a coarse first step leaves unsure, for each one that survives, by
# what its logits may be off: of the shipped weights on photos 0.7 at 0.25.
UNSURE = 2.8
STATEMENT = (
    'The given share of the cells of each level, in discs of radius '
    f'{RADII[0]} to {RADII[-1]} cells, survives STC and gets boxes.'
)


def blobs(size: tuple[int, int], share: float, seed: int = SEED) -> Tensor:
    """Draw discs until a share of a map is covered.

    Args:
        size (tuple[int, int]): Height and width of the map.
        share (float): Share of its cells, 0 to 1.
        seed (int): Of places and radii.

    Returns:
        Tensor: bool, (height, width), True in ``round(share * cells)`` cells:
        the last disc lacks its outermost cells.
    """
    height, width = size
    missing = round(share * height * width)
    rng = np.random.default_rng(seed)
    mask = np.zeros(size, dtype=bool)
    discs = {radius: _disc(radius) for radius in RADII}
    # Each place at most once: full maps would take for ever.
    for centre in rng.permutation(height * width):
        if missing == 0:
            break
        cells = np.divmod(centre, width) + discs[rng.choice(RADII)]
        inside = ((cells >= 0) & (cells < size)).all(axis=1)
        rows, columns = cells[inside].T
        new = ~mask[rows, columns]
        rows, columns = rows[new][:missing], columns[new][:missing]
        mask[rows, columns] = True
        missing -= len(rows)
    return torch.from_numpy(mask)


@lru_cache(maxsize=64)
def rims(
    size: tuple[int, int], share: float, part: float, seed: int = SEED
) -> Tensor:
    """Choose cells at the rims of the discs, within and without.

    Args:
        size (tuple[int, int]): Height and width of the map.
        share (float): See :func:`blobs`.
        part (float): As many as these are times that, or all that there are.
        seed (int): See :func:`blobs`; of the choice, too.

    Returns:
        Tensor: bool, (height, width).
    """
    mask = blobs(size, share, seed)
    near = functional.max_pool2d(mask[None].float(), 3, stride=1, padding=1)
    inner = -functional.max_pool2d(-mask[None].float(), 3, 1, padding=1)
    found = (near > inner)[0].flatten().nonzero().squeeze(1)
    number = min(round(part * int(mask.sum())), len(found))
    order = np.random.default_rng(seed).permutation(len(found))[:number]
    chosen = torch.zeros(size, dtype=torch.bool)
    chosen.view(-1)[found[torch.from_numpy(order)]] = True
    return chosen


def _disc(radius: int) -> np.ndarray:
    """Cells of a disc around (0, 0), from the centre outwards, (n, 2)."""
    sides = np.arange(-radius, radius + 1)
    cells = np.stack(np.meshgrid(sides, sides, indexing='ij'), -1)
    cells = cells.reshape(-1, 2)
    distances = (cells**2).sum(axis=1)
    order = np.argsort(distances, kind='stable')
    return cells[order][distances[order] <= radius**2]


_blobs = lru_cache(maxsize=64)(blobs)


class ImposedGate(STCGate):
    """A gate that lets a known share of the cells of each level through.

    These cells get boxes, too.  What the gate in its place says is computed,
    since that takes time, and not used.

    Args:
        own (STCGate): The gate in whose place it stands.
        share (float): Of the cells of each level, 0 to 1.
        band (float): What first-step logits may be off.
    """

    def __init__(self, own: STCGate, share: float, band: float) -> None:
        super().__init__(
            own.levels, own.theta, own.spare_positives, own.use_sigmoid
        )
        self.own = own
        self.share = share
        self.band = band

    def passes(self, scores: Tensor) -> Tensor:
        """See ``STCGate.passes``; scores are (B, H, W, priors, classes)."""
        super().passes(scores)
        return _all_priors(
            _blobs(tuple(scores.shape[1:3]), self.share), scores
        )

    def undecided(self, low: Tensor, high: Tensor) -> Tensor:
        """See ``STCGate.undecided``; of the form of :meth:`passes`."""
        super().undecided(low, high)
        size = tuple(low.shape[1:3])
        return _all_priors(rims(size, self.share, UNSURE * self.band), low)

    def detectable(
        self,
        first_scores: Tensor | None,
        second_scores: Tensor,
        threshold: float,
    ) -> Tensor:
        """See ``STCGate.detectable``; of the form of :meth:`passes`."""
        own = super().detectable(first_scores, second_scores, threshold)
        return self.passes(second_scores)[..., None].expand_as(own)


def _all_priors(cells: Tensor, scores: Tensor) -> Tensor:
    """All priors of cells, (H, W), in the form of scores."""
    return cells.to(scores.device)[None, :, :, None].expand(scores.shape[:-1])


class FixedGate(STCGate):
    """A gate that lets the same priors through in every image of a training.

    Args:
        own (STCGate): The gate in whose place it stands.
        passing (Tensor): bool, (M,): which of the priors of all its levels.
    """

    def __init__(self, own: STCGate, passing: Tensor) -> None:
        super().__init__(
            own.levels, own.theta, own.spare_positives, own.use_sigmoid
        )
        self.passing = passing

    def passes(self, scores: Tensor) -> Tensor:
        """See ``STCGate.passes``; scores are (B, M, classes)."""
        own = super().passes(scores)
        return self.passing.to(own.device).expand_as(own)


def impose_in_training(
    model: nn.Module, share: float, size: tuple[int, int]
) -> None:
    """Say which cells survive in training on images of one size.

    Args:
        model (nn.Module): A detector, whose heads are changed in place.
        share (float): Of the cells of each level of STC.
        size (tuple[int, int]): Height and width of the images with their
            padding, in pixels.

    Raises:
        UserError: If a head has no STC.
    """
    for head in srn_heads(model):
        if not head.stc_levels:
            raise UserError('--survivors: the head has no levels of STC')
        strides = head.prior_generator.strides
        sizes = [
            tuple(-(-x // strides[i][0]) for x in size)
            for i in head.stc_levels
        ]
        passing = torch.cat(
            [
                blobs(x, share)
                .flatten()
                .repeat_interleave(head.num_base_priors)
                for x in sizes
            ]
        )
        head.gate = FixedGate(head.gate, passing)


def srn_heads(model: nn.Module) -> list[SRNHead]:
    """Heads with two steps of a detector."""
    return [x for x in model.modules() if isinstance(x, SRNHead)]


def impose(models: Iterable[nn.Module], share: float | None) -> None:
    """Say which cells are active, to all heads that can be told."""
    for model in models:
        for head in srn_heads(model):
            own = head.gate
            if isinstance(own, ImposedGate):
                head.gate = own = own.own
            if share is not None:
                band = (
                    0 if head.execution is None else head.execution.coarse_band
                )
                head.gate = ImposedGate(own, share, band)
