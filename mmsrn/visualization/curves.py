"""Training and precision-recall curves."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

#: Loss terms of SRN and how they are called in pictures.
LOSS_NAMES = {
    'loss': 'total',
    'loss_cls_fs': 'class, first step',
    'loss_cls_ss': 'class, second step',
    'loss_bbox_fs': 'box, first step',
    'loss_bbox_ss': 'box, second step',
    'loss_fsm': 'feature supervision',
}
Curve = tuple[np.ndarray, np.ndarray]


def load_scalars(
    path: str | Path,
) -> tuple[dict[str, Curve], dict[str, Curve]]:
    """Read the ``scalars.json`` that mmengine writes during a run.

    Args:
        path: The file, or a work directory, whose latest training is read.

    Returns:
        Curves of the training (over iterations) and of the validation (over
        epochs), each a mapping from the name to steps and values.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line other than the last is malformed. A killed run
            may leave a malformed last line.
    """
    path = Path(path)
    files = [path]
    if path.is_dir():
        files = sorted(path.glob('*/vis_data/scalars.json'), reverse=True)
    if not files or not files[0].is_file():
        raise FileNotFoundError(f'no scalars.json in {path}')
    for file in files:
        train, val = _read(file)
        if train:
            break
    return train, val


def _read(file: Path) -> tuple[dict[str, Curve], dict[str, Curve]]:
    found: tuple[dict, dict] = ({}, {})
    lines = file.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                break
            raise ValueError(f'{file}:{number}: {error}') from None
        # Training entries have a learning rate, validation entries none.
        curves = found[0 if 'lr' in entry else 1]
        for name, value in entry.items():
            if name in ('step', 'iter', 'epoch') or isinstance(value, str):
                continue
            curves.setdefault(name, []).append((entry['step'], value))
    train, val = (
        {name: tuple(np.array(pairs, float).T) for name, pairs in x.items()}
        for x in found
    )
    return train, val


def draw_losses(
    train: Mapping[str, Curve], val: Mapping[str, Curve] | None = None
) -> Figure:
    """Draw the losses of SRN and what its selection did.

    Args:
        train: Training curves from :func:`load_scalars`.
        val: Validation curves from there.

    Returns:
        The figure: losses; the share of negatives that STC removed and the
        IoU before and after STR where they were logged; validation metrics
        where there are any.
    """
    selection = {
        'stc_removed_ratio': 'negatives removed by STC',
        'iou_anchor': 'IoU of anchors, before STR',
        'iou_moved': 'IoU of anchors, after STR',
    }
    selection = {k: v for k, v in selection.items() if k in train}
    metrics = {k: x for k, x in (val or {}).items() if 'time' not in k}
    num = 1 + bool(selection) + bool(metrics)
    figure = Figure((5.2 * num, 3.6), layout='constrained')
    axes = iter(figure.subplots(1, num, squeeze=False)[0])

    axis = next(axes)
    for key, name in LOSS_NAMES.items():
        if key in train:
            style = {'color': 'black'} if key == 'loss' else {}
            axis.plot(*train[key], label=name, lw=1.3, **style)
    axis.set(title='Loss', xlabel='iteration', ylim=(0, None))
    if axis.lines:
        axis.legend(fontsize=8)
    if selection:
        axis = next(axes)
        for key, name in selection.items():
            axis.plot(*train[key], label=name, lw=1.3)
        axis.set(title='Selection', xlabel='iteration', ylim=(0, 1))
        axis.legend(fontsize=8)
    if metrics:
        axis = next(axes)
        for key, curve in metrics.items():
            axis.plot(*curve, marker='o', ms=4, label=key)
        axis.set(title='Validation', xlabel='epoch', ylim=(0, 1))
        axis.legend(fontsize=8)
    for axis in figure.axes:
        axis.grid(alpha=0.3)
    return figure


def draw_pr_curves(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray, float]],
    title: str = '',
) -> Figure:
    """Draw precision against recall.

    Args:
        curves: From the name of a curve to recalls, precisions (both (n,),
            by falling score) and the average precision.
        title: Title of the figure.

    Returns:
        The figure.
    """
    return draw_pr_panels({title: curves})


def draw_pr_panels(
    panels: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray, float]]],
    note: str = '',
) -> Figure:
    """Draw precision against recall, one panel for each setting.

    Args:
        panels: From the title of a panel to its curves, see
            :func:`draw_pr_curves`; precisions that are NaN are left out.
        note: Text below all panels.

    Returns:
        The figure.
    """
    width = 5.2 if len(panels) == 1 else 4.4 * len(panels)
    lines = [
        part
        for line in note.splitlines()
        for part in textwrap.wrap(line, int(14 * width))
    ]
    figure = Figure((width, 4.2 + 0.2 * len(lines)), layout='constrained')
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (title, curves) in zip(axes, panels.items()):
        for name, (recalls, precisions, ap) in curves.items():
            label = f'{name}: AP {ap:.3f}'
            axis.plot(recalls, precisions, lw=1.5, label=label)
        axis.set(
            xlabel='recall',
            ylabel='precision',
            xlim=(0, 1.01),
            ylim=(0, 1.01),
            title=title,
        )
        axis.grid(alpha=0.3)
        if curves:
            axis.legend(loc='lower left', fontsize=8)
    if lines:
        figure.supxlabel('\n'.join(lines), fontsize=9, color='0.3')
    return figure
