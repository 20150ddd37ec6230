"""The maps of an SRNFPN, built on demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor

from .sparse import (
    Cells,
    grow,
    run,
    runs_on_rows,
    sources,
    upsample_rows,
)

if TYPE_CHECKING:
    from ..necks import SRNFPN


class SRNPyramid:
    """The maps of an :class:`SRNFPN` for one batch; a :class:`Pyramid`.

    Whole maps of the second step, and the sums they come from, are built
    once; those of the first step each time they are asked for, because a 1x1
    convolution costs less than their memory. Rows of a map need the P
    convolution on these cells, and laterals and up-sampled sums on the cells
    around them.

    Args:
        neck (SRNFPN): The neck.
        feats (Sequence[Tensor]): Maps of the backbone.

    Raises:
        ValueError: If the number of maps does not fit the neck.
    """

    # Share of the cells of a map above which all of it is the faster way.
    whole_from = 0.37

    def __init__(self, neck: SRNFPN, feats: Sequence[Tensor]) -> None:
        neck.check_number_of_feats(feats)
        self._neck = neck
        self._feats = feats
        self._sums: dict[int, Tensor] = {}
        self._maps: dict[int, Tensor] = {}
        self._extra: list[Tensor] = []
        self.shared = not neck.first_step_levels

    @property
    def first_levels(self) -> Sequence[int]:
        """See :class:`Pyramid`."""
        if self.shared:
            return range(self._neck.num_outs)
        return self._neck.first_step_levels

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of the second-step maps."""
        sizes = [tuple(x.shape[-2:]) for x in self._feats]
        while len(sizes) < self._neck.num_outs:
            height, width = sizes[-1]
            sizes.append(((height + 1) // 2, (width + 1) // 2))
        return sizes

    def first(self, level: int) -> Tensor:
        """See :class:`Pyramid`."""
        if self.shared:
            return self._map(level)
        maps = [*self._feats, *self._extra]
        while len(maps) <= level:
            conv = self._neck.extra_convs[len(self._extra)]
            self._extra.append(conv(maps[-1]))
            maps.append(self._extra[-1])
        feats = maps[level]
        return self._neck.first_step_convs[str(level)](feats)

    def maps(self, levels: Sequence[int]) -> dict[int, Tensor]:
        """See :class:`Pyramid`."""
        return {i: self._map(i) for i in levels}

    def _map(self, level: int) -> Tensor:
        if level not in self._maps:
            top = len(self._feats) - 1
            if level <= top:
                given = self._sum(level)
            elif level == top + 1 and self._neck.extra_convs_on == 'lateral':
                given = self._sum(top)
            else:
                given = self._map(level - 1)
            self._maps[level] = self._neck.fpn_convs[level](given)
        return self._maps[level]

    def _sum(self, level: int) -> Tensor:
        """Lateral and what comes from above."""
        if level not in self._sums:
            total = self._neck.lateral_convs[level](self._feats[level])
            if level + 1 < len(self._feats):
                total = total + F.interpolate(
                    self._sum(level + 1),
                    size=total.shape[-2:],
                    **self._neck.upsample_cfg,
                )
            self._sums[level] = total
        return self._sums[level]

    def rows(self, cells: dict[int, Cells]) -> dict[int, Tensor]:
        """See :class:`Pyramid`."""
        neck, found = self._neck, {}
        sparse = {
            i: x
            for i, x in cells.items()
            if i < len(self._feats)
            and i not in self._maps
            and len(x) <= self.whole_from * x.mask.numel()
            and all(runs_on_rows(x) for x in neck.lateral_convs[i:])
            and runs_on_rows(neck.fpn_convs[i])
        }
        for level in cells.keys() - sparse.keys():
            found[level] = cells[level].take(self._map(level))
        needed = self._needed_sums(sparse)
        above = None
        for level in sorted(needed, reverse=True):
            above = self._sum_rows(level, needed, above)
            if level in sparse:
                found[level] = run(
                    neck.fpn_convs[level],
                    above,
                    needed[level],
                    sparse[level],
                )
        return found

    def _needed_sums(self, cells: dict[int, Cells]) -> dict[int, Cells]:
        """Cells of the sums that rows of the maps need."""
        needed: dict[int, Cells] = {}
        for level in range(len(self._feats)):
            mask = None
            if level in cells:
                mask = grow(self._neck.fpn_convs[level], cells[level].mask)
            if level - 1 in needed and level - 1 not in self._sums:
                below = sources(
                    needed[level - 1],
                    self.sizes[level],
                    **self._neck.upsample_cfg,
                )
                mask = below if mask is None else mask | below
            if mask is not None:
                needed[level] = Cells(mask)
        return needed

    def _sum_rows(
        self, level: int, needed: dict[int, Cells], above: Tensor | None
    ) -> Tensor:
        """Rows of one sum; ``above`` are those of the level above."""
        cells = needed[level]
        if level in self._sums:
            return cells.take(self._sums[level])
        lateral = run(
            self._neck.lateral_convs[level],
            cells.take(self._feats[level]),
            cells,
            cells,
        )
        if level + 1 == len(self._feats):
            return lateral
        total = upsample_rows(
            above, needed[level + 1], cells, **self._neck.upsample_cfg
        )
        total += lateral  # not the other way: a gradient may need the lateral
        return total
