"""Pictures side by side."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from .panels import show_image


def draw_contact_sheet(
    cells: dict[str, np.ndarray], columns: int, width: int, title: str
) -> Figure:
    """Put pictures of one size, by caption, into one figure.

    Args:
        cells: By caption the pictures, BGR (h, w, 3) uint8.
        columns: Cells side by side.
        width: Of a cell, in hundredths of an inch.
        title: Above all.

    Returns:
        The figure.
    """
    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    high, wide = next(iter(cells.values())).shape[:2]
    height = width * high / wide + 26
    figure = Figure(
        (columns * width / 100, (rows * height + 30) / 100),
        layout='constrained',
    )
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (caption, picture) in zip(axes, cells.items()):
        show_image(axis, picture[..., ::-1])
        axis.set_title(caption, fontsize=10, pad=3)
    for axis in axes[len(cells) :]:
        axis.remove()
    figure.suptitle(title, fontsize=11)
    return figure
