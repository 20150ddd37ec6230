"""Sizes and numbers of faces as curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter


def draw_statistics(
    sets: Mapping[str, tuple[np.ndarray, np.ndarray]],
    marks: Sequence[float] = (8, 16),
) -> Figure:
    """Draw the sizes of faces and their numbers in images.

    Args:
        sets (Mapping[str, tuple[np.ndarray, np.ndarray]]): From the name of a
            set to the sizes of its faces in pixels, (faces,), and the numbers
            of faces of its images, (images,).
        marks (Sequence[float]): Sizes to mark by a line.

    Returns:
        Figure: Shares of faces by size, shares of faces below a size, shares
        of images with at most a number of faces.
    """
    figure = Figure((14, 4), layout='constrained')
    shares, below, numbers = figure.subplots(1, 3)
    sizes = [x for x, _ in sets.values() if len(x)]
    low = min((x.min() for x in sizes), default=1)
    high = max((x.max() for x in sizes), default=2)
    # Few bins: sides are whole numbers, and small ones would leave gaps.
    edges = np.geomspace(low, max(high, low * 1.01), 25)
    for name, (size, count) in sets.items():
        if len(size):
            weights = np.full(len(size), 100 / len(size))
            shares.hist(
                size, edges, weights=weights, histtype='step', label=name
            )
            below.plot(*_cumulative(size), label=name)
        if len(count):
            numbers.plot(*_cumulative(count), label=name)
    shares.set(xlabel='size of faces in pixels', ylabel='faces in %')
    below.set(
        xlabel='size in pixels: square root of width x height',
        ylabel='faces that are at most as large, in %',
    )
    numbers.set(xlabel='faces in an image', ylabel='images with at most, in %')
    most = max((x.max() for _, x in sets.values() if len(x)), default=1)
    numbers.set_xscale('symlog', linthresh=1)
    numbers.set_xlim(0, max(most, 1))
    numbers.set_xticks([0, *_ticks(1, max(most, 1))])
    numbers.set_xticks([], minor=True)
    for axis in (shares, below):
        axis.set_xscale('log')
        axis.set_xticks(_ticks(low, high))
        axis.set_xticks([], minor=True)
        for mark in marks:
            axis.axvline(mark, color='gray', lw=0.8, ls='--')
    for axis in (shares, below, numbers):
        axis.xaxis.set_major_formatter(ScalarFormatter())
        axis.tick_params(labelsize=8)
        axis.set_ylim(0, None)
        axis.grid(alpha=0.3)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=8)
    return figure


def _cumulative(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values in order, and the share in % that is at most as large."""
    values, counts = np.unique(values, return_counts=True)
    return values, counts.cumsum() / counts.sum() * 100


def _ticks(low: float, high: float) -> list[float]:
    """Powers of two within a range."""
    first, last = np.floor(np.log2(low)), np.ceil(np.log2(high))
    return [2.0**i for i in range(int(first), int(last) + 1)]
