"""What a head asks of a neck: whole maps of some levels, rows of others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from torch import Tensor

from .cells import Cells


class Pyramid(Protocol):
    """The maps of a neck, which may be built on demand."""

    @property
    def first_levels(self) -> Collection[int]:
        """Indices of the levels that have a first-step map."""

    @property
    def shared(self) -> bool:
        """Whether both steps look at the same maps."""

    @property
    def sizes(self) -> Sequence[tuple[int, int]]:
        """Height and width of the second-step maps."""

    def first(self, level: int) -> Tensor:
        """Build a first-step map.

        Args:
            level (int): One of ``first_levels``.

        Returns:
            Tensor: (B, C, H, W).
        """

    def maps(self, levels: Sequence[int]) -> dict[int, Tensor]:
        """Build second-step maps.

        Args:
            levels (Sequence[int]): Indices of their levels.

        Returns:
            dict[int, Tensor]: (B, C, H, W) of each.
        """

    def rows(self, cells: dict[int, Cells]) -> dict[int, Tensor]:
        """Build cells of second-step maps.

        Args:
            cells (dict[int, Cells]): Cells of each level.

        Returns:
            dict[int, Tensor]: Their features, (cells + 1, C), the last row
            zero.
        """


class BuiltPyramid:
    """The maps of any neck.

    Args:
        maps (Sequence[Tensor | None]): n or 2n maps, see
            ``SRNHead.forward``.
        num_levels (int): n.
    """

    def __init__(self, maps: Sequence[Tensor | None], num_levels: int) -> None:
        self.shared = len(maps) == num_levels
        self._first = maps[:num_levels]
        self._second = maps[-num_levels:]

    @property
    def first_levels(self) -> list[int]:
        """See :class:`Pyramid`."""
        return [i for i, x in enumerate(self._first) if x is not None]

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of the second-step maps."""
        return [tuple(x.shape[-2:]) for x in self._second]

    def first(self, level: int) -> Tensor:
        """See :class:`Pyramid`."""
        return self._first[level]

    def maps(self, levels: Sequence[int]) -> dict[int, Tensor]:
        """See :class:`Pyramid`."""
        return {i: self._second[i] for i in levels}

    def rows(self, cells: dict[int, Cells]) -> dict[int, Tensor]:
        """See :class:`Pyramid`."""
        return {i: x.take(self._second[i]) for i, x in cells.items()}
