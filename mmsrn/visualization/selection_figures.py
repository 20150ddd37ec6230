"""Pictures of STC's gate and STR's moves on an image."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .panels import draw_box, limit_to, show_image
from .selection import (
    POSITIVE_IOU,
    LevelSelection,
    best_ious,
    box_ious,
    count_stc,
)

FACE, START, MOVED, FINAL = '#ffffff', '#ff9d2e', '#35b6ff', '#3ddc5a'
KEPT, STOPPED = '#ffd92f', '#ff3b30'


def draw_stc(
    image: np.ndarray,
    levels: Sequence[LevelSelection],
    faces: np.ndarray,
    score_thr: float = 0.05,
) -> Figure:
    """Draw what STC removed on one image.

    The upper row shows the first step's face probability. The lower row
    shows the cells that pass the gate, and crosses where the gate stops a
    second-step score above ``score_thr`` that lies on no face: a false
    positive that a single step would report.

    Args:
        image: BGR image as the network sees it, (h, w, 3) uint8.
        levels: From :func:`read_selection`.
        faces: As in :func:`count_stc`.
        score_thr: Score from which a stopped anchor gets a cross.

    Returns:
        The figure, one column for each level with STC.

    Raises:
        ValueError: If STC is off on all levels.
    """
    levels = [x for x in levels if x.first_scores is not None]
    if not levels:
        raise ValueError('STC is off on all levels: nothing to draw')
    height, width = image.shape[:2]
    panel = 4.2
    figure = Figure(
        (panel * len(levels), 2 * panel * height / width + 1.3),
        layout='constrained',
    )
    axes = figure.subplots(2, len(levels), squeeze=False)
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    counts = count_stc(levels, faces)
    for level, (upper, lower) in zip(levels, axes.T):
        show_image(upper, gray * 0.45)
        show_image(lower, gray * 0.45)
        # Maps may stick out of the image: a cell is stride pixels wide.
        stride = _stride(level)
        extent = (0, level.shape[1] * stride, level.shape[0] * stride, 0)
        heat = upper.imshow(
            np.log10(level.per_cell(level.first_scores).clip(1e-5)),
            extent=extent,
            cmap='inferno',
            vmin=-4,
            vmax=0,
            alpha=0.75,
            interpolation='nearest',
        )
        kept = level.per_cell(level.kept.astype(np.float32))
        lower.imshow(
            np.ma.masked_equal(kept, 0),
            extent=extent,
            cmap=_one_color(KEPT),
            alpha=0.55,
            interpolation='nearest',
        )
        stopped = ~level.kept & (level.second_scores > score_thr)
        stopped &= best_ious(level.boxes, faces) < POSITIVE_IOU
        at = (level.anchors[stopped, :2] + level.anchors[stopped, 2:]) / 2
        lower.scatter(*at.T, c=STOPPED, marker='x', s=28, linewidths=1.4)
        for axis in (upper, lower):
            for face in faces:
                draw_box(axis, face, FACE, width=0.9)
            limit_to(axis, image)
        count = counts[level.name]
        share = count['removed'] / max(count['negatives'], 1)
        upper.set_title(
            f'{level.name}: first step, log10 of the face probability',
            fontsize=9,
        )
        lower.set_title(
            f'{level.name}: {count["removed"]:,} of {count["negatives"]:,} '
            f'negatives removed ({share:.1%})\n{count["lost"]} of '
            f'{count["positives"]} positives lost, '
            f'{int(stopped.sum())} false alarms stopped (x)',
            fontsize=9,
        )
    figure.colorbar(heat, ax=axes[0].tolist(), shrink=0.8, pad=0.01)
    return figure


def draw_str(
    image: np.ndarray,
    levels: Sequence[LevelSelection],
    faces: np.ndarray,
    max_faces: int = 4,
) -> Figure | None:
    """Draw how STR moved the anchors of the largest faces of an image.

    For each face, it draws the anchor with the highest second-step score among
    those that the first step moved onto the face.

    Args:
        image: BGR image as the network sees it, (h, w, 3) uint8.
        levels: From :func:`read_selection`.
        faces: As in :func:`count_stc`.
        max_faces: Draw at most so many faces.

    Returns:
        The figure, one panel for each face; None if no anchor was moved onto
        a face.
    """
    tracks = _find_tracks(levels, faces)[:max_faces]
    if not tracks:
        return None
    figure = Figure((3.1 * len(tracks), 3.9), layout='constrained')
    axes = figure.subplots(1, len(tracks), squeeze=False)[0]
    for axis, (face, name, boxes) in zip(axes, tracks):
        show_image(axis, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        for box, color in zip(boxes, (START, MOVED, FINAL)):
            draw_box(axis, box, color, style='--' if color == START else '-')
        draw_box(axis, face, FACE, width=1.2)
        view = np.vstack([face[None], boxes])
        low, high = view[:, :2].min(0), view[:, 2:].max(0)
        center, reach = (low + high) / 2, (high - low).max() * 0.58
        axis.set_xlim(center[0] - reach, center[0] + reach)
        axis.set_ylim(center[1] + reach, center[1] - reach)
        ious = box_ious(np.asarray(boxes), face[None])[:, 0]
        axis.set_title(
            f'{name}: IoU '
            + ' \N{RIGHTWARDS ARROW} '.join(f'{x:.2f}' for x in ious),
            fontsize=9,
        )
    labels = ('face', 'anchor', 'moved (step 1)', 'final (step 2)')
    handles = [
        Rectangle((0, 0), 1, 1, fill=False, ec=color, lw=2)
        for color in ('#888888', START, MOVED, FINAL)
    ]
    figure.legend(
        handles,
        labels,
        loc='outside lower center',
        ncols=2 if len(tracks) == 1 else 4,  # of one face it has no room
        fontsize=8,
    )
    return figure


def draw_iou_shift(ious: np.ndarray) -> Figure:
    """Draw how the IoU with the face grows from step to step.

    Args:
        ious: From :func:`measure_str`, possibly of many images, (m, 3).

    Returns:
        The figure: histograms of anchors, moved anchors and final boxes.
    """
    figure = Figure((6.4, 3.4), layout='constrained')
    axis = figure.subplots()
    names = ('anchor', 'moved (step 1)', 'final (step 2)')
    bins = np.linspace(0, 1, 41)
    for values, name, color in zip(ious.T, names, (START, MOVED, FINAL)):
        mean = f'mean {values.mean():.3f}' if len(values) else 'none'
        axis.hist(
            values, bins, color=color, alpha=0.6, label=f'{name}: {mean}'
        )
    axis.set_xlabel('IoU with the face')
    axis.set_ylabel('anchors')
    axis.set_title(
        f'{len(ious):,} positives of the second step on the levels of STR',
        fontsize=10,
    )
    axis.legend(loc='upper left', fontsize=8)
    return figure


def _find_tracks(
    levels: Sequence[LevelSelection], faces: np.ndarray
) -> list[tuple[np.ndarray, str, np.ndarray]]:
    """Face, level name and the three boxes of its best moved anchor."""
    tracks = []
    order = np.argsort(-(faces[:, 2:] - faces[:, :2]).prod(1))
    for face in faces[order]:
        best = None
        for level in levels:
            if level.moved is None:
                continue
            on_face = box_ious(level.moved, face[None])[:, 0] >= POSITIVE_IOU
            scores = np.where(on_face, level.second_scores, -1)
            i = int(scores.argmax())
            if scores[i] >= 0 and (best is None or scores[i] > best[0]):
                boxes = np.stack(
                    [level.anchors[i], level.moved[i], level.boxes[i]]
                )
                best = (scores[i], level.name, boxes)
        if best is not None:
            tracks.append((face, *best[1:]))
    return tracks


def _stride(level: LevelSelection) -> float:
    """Distance of the cells in pixels."""
    rows, columns = level.shape
    per_cell = len(level.anchors) // (rows * columns)
    centers = (level.anchors[:, :2] + level.anchors[:, 2:]) / 2
    if columns > 1:
        return float(centers[per_cell, 0] - centers[0, 0])
    if rows > 1:
        return float(centers[per_cell, 1] - centers[0, 1])
    return float(2 * centers[0].max() + 1)


def _one_color(color: str):
    from matplotlib.colors import ListedColormap

    return ListedColormap([color])
