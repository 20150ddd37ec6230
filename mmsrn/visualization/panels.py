"""Common parts of the figures: image axes, boxes, pixels."""

from __future__ import annotations

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke


def level_name(level: int) -> str:
    """Name of a level as in the paper: P2, P3, ..."""
    return f'P{level + 2}'


def show_image(
    axis: Axes, image: np.ndarray, interpolation: str | None = None
) -> None:
    """Show an image whose pixels are the units of the axis.

    Args:
        axis: Where to show it.
        image: Gray (h, w) or RGB (h, w, 3), 0 to 255.
        interpolation: As matplotlib's; ``'nearest'`` shows the pixels.
    """
    axis.imshow(
        np.clip(image, 0, 255).astype(np.uint8),
        cmap='gray',
        vmin=0,
        vmax=255,
        interpolation=interpolation,
        extent=(0, image.shape[1], image.shape[0], 0),
    )
    axis.set_axis_off()


def limit_to(axis: Axes, image: np.ndarray) -> None:
    """Limit an axis to the image."""
    axis.set_xlim(0, image.shape[1])
    axis.set_ylim(image.shape[0], 0)


def draw_box(
    axis: Axes,
    box: np.ndarray,
    color: str,
    width: float = 2.0,
    style: str = '-',
) -> None:
    """Draw a box with a dark rim, visible on any image.

    Args:
        axis: Where to draw it.
        box: x1, y1, x2, y2 in pixels, (4,).
        color: Of the line.
        width: Of the line in points.
        style: Of the line, as matplotlib's.
    """
    x1, y1, x2, y2 = box
    axis.add_patch(
        Rectangle(
            (x1, y1),
            x2 - x1,
            y2 - y1,
            fill=False,
            edgecolor=color,
            linewidth=width,
            linestyle=style,
            path_effects=[
                withStroke(linewidth=width + 1.2, foreground='#00000080')
            ],
        )
    )


def rasterise(figure: Figure) -> np.ndarray:
    """Pixels of a figure.

    Args:
        figure: The figure, of any size and dpi.

    Returns:
        BGR image, (h, w, 3) uint8.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return cv2.cvtColor(np.asarray(canvas.buffer_rgba()), cv2.COLOR_RGBA2BGR)
