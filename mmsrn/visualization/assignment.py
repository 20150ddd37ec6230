"""What a training step asks of the anchors: faces, and who learns them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .panels import draw_box, level_name, limit_to, show_image

FACE, IGNORED, ORPHAN = '#ffffff', '#ff4fd8', '#ff2020'
#: Colours of the levels, again from the start beyond the last.
LEVELS = ('#ffe119', '#ff8c1a', '#d08bff', '#2fb8ff', '#1fdf64', '#00e5d0')
# Pixels: what a small image is enlarged towards, and the text beside it.
_WANTED, _TEXT_WIDTH, _LINE, _LEAST_HEIGHT = 960, 350, 20, 340
_DPI = 100


@dataclass
class LevelAssignment:
    """One level in one step; n anchors.

    Attributes:
        level: Index of the level.
        anchors: Where the step starts from: x1, y1, x2, y2 in pixels of the
            network's input, (n, 4).
        positive: Which are to find a face, (n,) bool.
        negative: Which are to find none, (n,) bool.
        ignored: Which lie in the image and enter no loss, (n,) bool.
        dropped: Negatives that STC takes out of this step, (n,) bool; None
            where that is not known or STC is off.
    """

    level: int
    anchors: np.ndarray
    positive: np.ndarray
    negative: np.ndarray
    ignored: np.ndarray
    dropped: np.ndarray | None = None


@dataclass
class StepAssignment:
    """One of SRN's two steps on one image.

    Attributes:
        step: 1 or 2.
        levels: Those that the step trains.
        faces: Ground truth, x1, y1, x2, y2 in pixels, (k, 4).
        ignored_faces: Ground truth that does not count, (m, 4).
        found: Which faces have a positive anchor, (k,) bool.
        moved: Whether the first step moved the anchors.
    """

    step: int
    levels: list[LevelAssignment]
    faces: np.ndarray
    ignored_faces: np.ndarray
    found: np.ndarray
    moved: bool


@torch.no_grad()
def read_assignment(
    head, sample, outputs: Sequence[Sequence] | None = None
) -> list[StepAssignment]:
    """Assign the anchors of one image as the training does.

    Args:
        head (SRNHead): A head with ``train_cfg``.
        sample (DetDataSample): What the data preprocessor gave, with
            ``batch_input_shape`` and boxes as tensors.
        outputs: What ``head.forward`` returned for this image alone. Without
            them the second step starts from anchors that nothing has moved.

    Returns:
        list[StepAssignment]: First and second step.
    """
    from mmsrn.models.utils import flatten_levels, level_mask

    meta = sample.metainfo
    if outputs is None:
        height, width = meta['batch_input_shape'][:2]
        sizes = [
            (-(-height // y), -(-width // x))
            for x, y in head.prior_generator.strides
        ]
        cls_fs, deltas, device = None, None, torch.device('cpu')
    else:
        cls_fs, bbox_fs, cls_ss, _ = outputs
        sizes = [x.shape[-2:] for x in cls_ss]
        deltas = flatten_levels(bbox_fs, head.bbox_coder.encode_size)
        device = cls_ss[0].device
    sample = sample.to(device)
    targets = head.assign(
        sizes,
        deltas,
        [sample.gt_instances],
        [meta],
        [sample.ignored_instances],
    )
    faces = sample.gt_instances.bboxes
    steps = []
    for number, anchors, learnt, used in (
        (
            1,
            targets.anchors,
            targets.first,
            {*head.stc_levels, *head.str_levels},
        ),
        (2, targets.moved, targets.second, range(len(sizes))),
    ):
        parts = [
            x[0].split(targets.level_sizes)
            for x in (anchors, learnt.labels, targets.valid)
        ]
        in_used = level_mask(tuple(used), targets.level_sizes, device)
        boxes = learnt.pos_bboxes[in_used[learnt.pos_inds[1]]]
        found = (faces[:, None] == boxes[None]).all(2).any(1)
        steps.append(
            StepAssignment(
                step=number,
                levels=[
                    _level(
                        head,
                        i,
                        *(x[i] for x in parts),
                        cls_fs if number == 2 else None,
                    )
                    for i in sorted(used)
                ],
                faces=faces.cpu().numpy(),
                ignored_faces=sample.ignored_instances.bboxes.cpu().numpy(),
                found=found.cpu().numpy(),
                moved=number == 2 and outputs is not None,
            )
        )
    return steps


def _level(head, index, anchors, labels, valid, cls_fs) -> LevelAssignment:
    """What the labels of one level say, and what STC does about it."""
    from mmsrn.models.utils import flatten_levels

    negative = labels == head.num_classes
    dropped = None
    if cls_fs is not None and index in head.stc_levels:
        logits = flatten_levels([cls_fs[index]], head.cls_out_channels)
        passed = head.gate.passes(head.probabilities(logits[0]))
        dropped = (negative & ~passed).cpu().numpy()
    positive = (labels >= 0) & ~negative
    ignored = (labels < 0) & valid
    arrays = [x.cpu().numpy() for x in (anchors, positive, negative, ignored)]
    return LevelAssignment(index, *arrays, dropped)


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
    """Draw which anchors a step wants to find which faces.

    Positive anchors have the colour of their level. Crosses mark faces that
    no anchor learns.

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
