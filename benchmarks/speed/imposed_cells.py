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


class ImposedCells:
    """Base in front of a head's class: says which cells are active.

    What the head itself finds is computed, since that takes time, and not
    used.  ``imposed`` is the share of the cells of each level, None to leave
    the answer to the head.
    """

    imposed: float | None = None

    def survivors(self, first: Tensor) -> Tensor:
        """See ``SRNHead.survivors``."""
        own = super().survivors(first)
        return own if self.imposed is None else self._priors(first)

    def unsure(self, first: Tensor, band: float) -> Tensor:
        """See ``SRNHead.unsure``."""
        own = super().unsure(first, band)
        if self.imposed is None:
            return own
        cells = rims(tuple(first.shape[-2:]), self.imposed, UNSURE * band)
        priors = cells.flatten().repeat_interleave(self.num_base_priors)
        return priors.to(first.device).expand(len(first), -1)

    def find(self, first: Tensor | None, second: Tensor, cfg) -> Tensor:
        """See ``SRNHead.find``."""
        own = super().find(first, second, cfg)
        if self.imposed is None:
            return own
        return self._priors(second)[..., None].expand_as(own)

    def _priors(self, maps: Tensor) -> Tensor:
        """All priors of the imposed cells."""
        mask = _priors(
            tuple(maps.shape[-2:]),
            self.imposed,
            self.num_base_priors,
            maps.device,
        )
        return mask.expand(len(maps), -1)


@lru_cache(maxsize=64)
def _priors(
    size: tuple[int, int], share: float, priors: int, device: torch.device
) -> Tensor:
    """Priors of the cells of ``blobs``, (height * width * priors,)."""
    mask = blobs(size, share).flatten()
    return mask.repeat_interleave(priors).to(device)


class ImposedSurvivors:
    """Base in front of ``STCLoss``: says which priors survive in training.

    As :class:`ImposedCells`, of which the loss asks nothing.  ``imposed`` are
    the priors of all levels of STC, bool, (M,).
    """

    imposed: Tensor

    def survives(self, first_scores: Tensor) -> Tensor:
        """See ``STCLoss.survives``."""
        own = super().survives(first_scores)
        return self.imposed.to(own.device).expand_as(own)


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
        mix_in(head.loss_cls, ImposedSurvivors)
        head.loss_cls.imposed = torch.cat(
            [
                _priors(
                    tuple(-(-x // strides[i][0]) for x in size),
                    share,
                    head.num_base_priors,
                    torch.device('cpu'),
                )
                for i in head.stc_levels
            ]
        )


def srn_heads(model: nn.Module) -> list[SRNHead]:
    """Heads with two steps of a detector."""
    return [x for x in model.modules() if isinstance(x, SRNHead)]


def mix_in(module: nn.Module, base: type) -> None:
    """Put a class in front of that of a module, for copies of it too."""
    own = type(module)
    module.__class__ = type(own.__name__, (base, own), {})


def impose(models: Iterable[nn.Module], share: float | None) -> None:
    """Say which cells are active, to all heads that can be told."""
    for model in models:
        for head in srn_heads(model):
            head.imposed = share
