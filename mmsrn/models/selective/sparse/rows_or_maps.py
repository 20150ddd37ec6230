"""The choice between rows of some cells and whole maps."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mmsrn.utils.one_line import one_line

from .row_layers import RowPlan, runs_on_rows, share_of_work

MODES = ('dense', 'selective', 'auto')


def check_mode(mode: str, setting: str) -> None:
    """Check the value of a setting.

    Args:
        mode (str): The value.
        setting (str): What to call the setting: ``'{}'`` and the value.

    Raises:
        ValueError: If it is none of ``MODES``.
    """
    if mode not in MODES:
        raise ValueError(
            f'{setting.format(repr(mode))} must be one of '
            + ', '.join(map(repr, MODES))
        )


class RowsOrMaps:
    """Chooses between rows of some cells and whole maps.

    Args:
        mode (str): ``'selective'``, always on rows, or ``'auto'``, where that
            is less work and the layers allow it.
        crossover (float): Share of the work on whole maps above which
            ``'auto'`` takes these.
        setting (str): See :func:`check_mode`.
    """

    def __init__(self, mode: str, crossover: float, setting: str) -> None:
        self._strict = mode == 'selective'
        self._crossover = 1.0 if self._strict else crossover
        self._setting = setting.format(repr(mode))

    def allows(self, layers: Sequence[nn.Module]) -> bool:
        """Whether layers run on rows.

        Args:
            layers (Sequence[nn.Module]): The layers.

        Returns:
            bool: The answer.

        Raises:
            ValueError: If they do not, but always should.
        """
        unfit = [x for x in layers if not runs_on_rows(x)]
        if unfit and self._strict:
            raise ValueError(
                f'{self._setting}: {one_line(str(unfit[0]))} does not give on '
                "single cells what it gives on maps; 'auto' and 'dense' "
                'compute the maps'
            )
        return not unfit

    def plan(
        self, layers: Sequence[nn.Module], wanted: Tensor
    ) -> RowPlan | None:
        """How to run layers on rows.

        Args:
            layers (Sequence[nn.Module]): The layers, first to last.
            wanted (Tensor): bool, (B, H, W): cells of their output.

        Returns:
            RowPlan | None: ``None`` if whole maps are the better way.

        Raises:
            ValueError: See :meth:`allows`.
        """
        if not self.allows(layers):
            return None
        plan = RowPlan(layers, wanted)
        return plan if share_of_work(plan) <= self._crossover else None
