"""What a head predicts in both steps."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ..utils import flatten_levels


class TwoStepMaps(NamedTuple):
    """Predictions of both steps on all levels.

    Lists over the levels, B images each.  Nothing uses logits of the first
    step off the levels of STC, nor deltas of the first step off those of STR:
    they are ``None``.  :meth:`join` lays the levels end to end.

    Attributes:
        first_logits (list[Tensor | None]): (B, priors * channels, H, W).
        first_deltas (list[Tensor | None]): (B, priors * 4, H, W).
        second_logits (list[Tensor]): As ``first_logits``.
        second_deltas (list[Tensor]): As ``first_deltas``.
    """

    first_logits: list[Tensor | None] | Tensor | None
    first_deltas: list[Tensor | None] | Tensor | None
    second_logits: list[Tensor] | Tensor
    second_deltas: list[Tensor] | Tensor

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of the map of every level."""
        return [x.shape[-2:] for x in self.second_logits]

    def join(self, channels: int, code_size: int) -> TwoStepMaps:
        """Lay the levels end to end.

        Args:
            channels (int): Logits of a prior.
            code_size (int): Deltas of a prior.

        Returns:
            TwoStepMaps: Tensors in place of lists, (B, priors of the levels
            that have a map, ``channels`` or ``code_size``); ``None`` where no
            level has one.
        """
        widths = (channels, code_size) * 2
        return TwoStepMaps(*map(flatten_levels, self, widths))
