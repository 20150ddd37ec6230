"""Pictures of ground truth and of its positive anchors."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .assignment import StepAssignment
from .panels import draw_box, level_name, limit_to, show_image

FACE, IGNORED, ORPHAN = '#ffffff', '#ff4fd8', '#ff2020'
#: Colours of the levels, again from the start beyond the last.
LEVELS = ('#ffe119', '#ff8c1a', '#d08bff', '#2fb8ff', '#1fdf64', '#00e5d0')
# Pixels: what a small image is enlarged towards, and the text beside it.
_WANTED, _TEXT_WIDTH, _LINE, _LEAST_HEIGHT = 960, 350, 20, 340
_DPI = 100


def draw_ground_truth(
    image: np.ndarray,
    boxes: np.ndarray,
    ignored: np.ndarray,
    title: str = '',
    names: Sequence[str] | None = None,
) -> Figure:
    """Draw what an augmented image holds.

    Args:
        image: BGR image as the network gets it, (h, w, 3) uint8.
        boxes: Ground truth x1, y1, x2, y2 in pixels, (k, 4).
        ignored: Ground truth that does not count, (m, 4).
        title: First line of the legend.
        names: Class of each box, (k,); by default all are faces.

    Returns:
        The figure: enlarged image, legend with counts and sizes.
    """
    figure, axis, legend = _layout(image, title)
    names = ['face'] * len(boxes) if names is None else list(names)
    kinds = sorted(set(names))
    colors = {
        kind: FACE if len(kinds) == 1 else LEVELS[i % len(LEVELS)]
        for i, kind in enumerate(kinds)
    }
    _draw_ignored(axis, ignored)
    for box, name in zip(boxes, names):
        draw_box(axis, box, colors[name], width=1.3)
        if len(kinds) > 1:
            axis.annotate(
                name,
                box[:2],
                color='white',
                backgroundcolor='#000000a0',
                fontsize=7,
            )
    limit_to(axis, image)
    legend.line('{} x {} pixels'.format(*image.shape[1::-1]))
    legend.skip()
    for kind in kinds:
        inside = [box for box, name in zip(boxes, names) if name == kind]
        legend.box(f'{kind}: {len(inside)}', colors[kind])
    if not kinds:
        legend.line('no ground truth')
    if len(ignored):
        legend.box(f'ignored: {len(ignored)}', IGNORED, '--')
    if len(boxes):
        sides = np.sqrt((boxes[:, 2:] - boxes[:, :2]).clip(0).prod(1))
        legend.skip()
        legend.line('side, square root of the area:')
        legend.line(
            f'{sides.min():.0f} to {sides.max():.0f} px, median '
            f'{np.median(sides):.0f} px'
        )
    return figure


def draw_assignment(
    image: np.ndarray, step: StepAssignment, title: str = ''
) -> Figure:
    """Draw the positive anchors of a step.

    Positive anchors have the colour of their level. Crosses mark faces without
    a positive anchor.

    Args:
        image: BGR image as the network gets it, (h, w, 3) uint8.
        step: From :func:`read_assignment`.
        title: First line of the legend.

    Returns:
        The figure: enlarged image, legend with counts by level.
    """
    # Lines stand out from a darker image.
    figure, axis, legend = _layout(image * 0.7, title)
    _draw_ignored(axis, step.ignored_faces)
    for face in step.faces:
        draw_box(axis, face, FACE, width=1.6)
    # The small ones last: they would drown in the large ones.
    for level in reversed(step.levels):
        color = LEVELS[level.level % len(LEVELS)]
        for anchor in level.anchors[level.positive]:
            draw_box(axis, anchor, color, width=1.1)
    orphans = step.faces[~step.found]
    at = (orphans[:, :2] + orphans[:, 2:]) / 2
    axis.scatter(*at.T, c=ORPHAN, marker='x', s=45, linewidths=1.8, zorder=9)
    limit_to(axis, image)

    legend.line(f'step {step.step}, positive anchors', weight='bold')
    if step.step == 2:
        legend.line(
            'moved by the first step'
            if step.moved
            else 'on unmoved anchors: no checkpoint'
        )
    legend.skip()
    dropping = any(x.dropped is not None for x in step.levels)
    head = '   positive ignored negative'
    legend.box(f'{head} STC drops' if dropping else head, None)
    total = np.zeros(4, int)
    for level in step.levels:
        masks = [level.positive, level.ignored, level.negative]
        masks += [] if level.dropped is None else [level.dropped]
        counts = np.array([x.sum() for x in masks] + [0] * (4 - len(masks)))
        total += counts
        legend.box(
            _row(
                level_name(level.level),
                counts,
                dropping,
                level.dropped is not None,
            ),
            LEVELS[level.level % len(LEVELS)],
        )
    legend.box(_row('', total, dropping, dropping), None)
    legend.skip()
    legend.box(f'faces: {len(step.faces)}', FACE)
    if len(step.ignored_faces):
        legend.box(f'ignored faces: {len(step.ignored_faces)}', IGNORED, '--')
    legend.cross(f'faces without an anchor: {len(orphans)}', ORPHAN)
    return figure


def _row(name: str, counts: np.ndarray, dropping: bool, known: bool) -> str:
    text = '{:2} {:8,} {:7,} {:8,}'.format(name, *counts[:3])
    if dropping:
        text += f' {counts[3]:9,}' if known else f' {"-":>9}'
    return text


def _draw_ignored(axis: Axes, boxes: np.ndarray) -> None:
    for box in boxes:
        draw_box(axis, box, IGNORED, width=1.3, style='--')


class _Legend:
    """Lines of text, from top to bottom, on axes of pixels."""

    def __init__(self, axis: Axes) -> None:
        self.axis = axis
        self.y = _LINE

    def line(self, text: str, x: int = 12, **kwargs) -> None:
        self.axis.text(
            x,
            self.y,
            text,
            color='#e8e8e8',
            family='monospace',
            fontsize=8.5,
            va='center',
            **kwargs,
        )
        self.y += _LINE

    def skip(self) -> None:
        self.y += _LINE // 2

    def box(self, text: str, color: str | None, style: str = '-') -> None:
        if color is not None:
            box = np.array([12, self.y - 6, 26, self.y + 6])
            draw_box(self.axis, box, color, width=1.6, style=style)
        self.line(text, x=36)

    def cross(self, text: str, color: str) -> None:
        self.axis.scatter(
            19, self.y, c=color, marker='x', s=45, linewidths=1.8
        )
        self.line(text, x=36)


def _layout(image: np.ndarray, title: str) -> tuple[Figure, Axes, _Legend]:
    """Figure with the enlarged image at the left, a legend at the right."""
    height, width = image.shape[:2]
    zoom = max(1, round(_WANTED / max(height, width)))
    height, width = height * zoom, width * zoom
    full = max(height, _LEAST_HEIGHT)
    size = width + _TEXT_WIDTH, full
    figure = Figure([x / _DPI for x in size], dpi=_DPI, facecolor='#202225')
    axis = figure.add_axes(
        (0, 1 - height / full, width / size[0], height / full)
    )
    rgb = cv2.cvtColor(np.uint8(image), cv2.COLOR_BGR2RGB)
    show_image(axis, rgb, 'nearest')
    text = figure.add_axes((width / size[0], 0, _TEXT_WIDTH / size[0], 1))
    text.set(xlim=(0, _TEXT_WIDTH), ylim=(full, 0))
    text.set_axis_off()
    legend = _Legend(text)
    # A character is about 7 pixels wide.
    length = (_TEXT_WIDTH - 24) // 7
    for i in range(0, len(title), length):
        legend.line(title[i : i + length])
    return figure, axis, legend
