"""A picture of speed and accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

__all__ = ['draw']


def draw(blocks: Sequence[dict[str, Any]]) -> Figure:
    """Draw speed against accuracy, a panel for each set.

    Args:
        blocks (Sequence[dict[str, Any]]): See :func:`set_table`.

    Returns:
        Figure: The figure.
    """
    columns = min(len(blocks), 4)
    rows = -(-len(blocks) // columns)
    figure = Figure((3.4 * columns, 3 * rows + 0.5), layout='constrained')
    axes = figure.subplots(
        rows, columns, squeeze=False, sharex=True, sharey=True
    ).ravel()
    axes[0].set(xscale='log', ylim=(0, 1.05))
    axes[0].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[0].xaxis.set_major_formatter(ScalarFormatter())
    axes[0].xaxis.set_minor_formatter(NullFormatter())
    for axis in axes[len(blocks) :]:
        axis.remove()
    for axis, block in zip(axes, blocks):
        for x, marker in zip(block['detectors'], cycle('osD^vP*X')):
            at = (1000 * x['seconds'], x['AP50'])
            axis.scatter(*at, s=60, marker=marker, label=x['name'])
        axis.set_title(block['name'], fontsize=10)
        axis.margins(x=0.2)
        axis.grid(alpha=0.3)
    figure.supxlabel('ms a photo', fontsize=10)
    figure.supylabel('AP at an overlap of 0.5', fontsize=10)
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc='outside upper center',
        ncols=columns,
        fontsize=9,
    )
    return figure
