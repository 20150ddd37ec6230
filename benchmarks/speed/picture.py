"""Numbers of predictions as a picture."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .stages import STAGES
from .tables import names_of, title


def draw(result: dict) -> Figure:
    """Draw time against the share of active cells, or its stages."""
    sizes = list(dict.fromkeys(x['size'] for x in result['settings']))
    shares = {x['imposed'] for x in result['settings']}
    tall = max(4.2, 1 + 0.4 * len(result['settings'][0]['rows']))
    figure = Figure((6.4 * len(sizes), tall), layout='constrained')
    panels = figure.subplots(
        1, len(sizes), squeeze=False, sharey=len(shares) == 1
    ).flat
    for axis, size in zip(panels, sizes):
        settings = [x for x in result['settings'] if x['size'] == size]
        if len(shares) > 1:
            _draw_lines(axis, settings)
            axis.set_title(size, fontsize=10)
        else:
            _draw_stages(axis, settings[0]['rows'])
            axis.set_title(title(settings[0]), fontsize=10)
    return _finish(figure, result)


def _finish(figure: Figure, result: dict) -> Figure:
    """Add what all panels share."""
    for axis in figure.axes:
        axis.grid(alpha=0.3)
        axis.set_axisbelow(True)
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc='outside upper center',
        ncols=5 if max(map(len, labels)) < 20 else 2,
        fontsize=8,
    )
    figure.supxlabel(
        '{device}, threads: {threads}, torch {torch}'.format(**result),
        fontsize=9,
        color='0.3',
    )
    return figure


def _draw_lines(axis: Axes, settings: list[dict]) -> None:
    """A line for each variant."""
    settings = sorted(settings, key=lambda x: x['imposed'])
    shares = [100 * x['imposed'] for x in settings]
    for i, name in enumerate(names_of(settings[0]['rows'])):
        rows = [x['rows'][i] for x in settings]
        middle = [1e3 * x['seconds'] for x in rows]
        reach = [
            [1e3 * (x['seconds'] - x['seconds_min']) for x in rows],
            [1e3 * (x['seconds_max'] - x['seconds']) for x in rows],
        ]
        axis.errorbar(
            shares, middle, reach, marker='o', ms=4, capsize=3, label=name
        )
    if shares[0] > 0:
        axis.set_xscale('log')
    axis.set_xticks(shares, [f'{x:g}' for x in shares])
    axis.minorticks_off()
    axis.set_xlabel('active cells (%)')
    axis.set_ylabel('time of an image (ms): median, min, max')
    axis.set_ylim(bottom=0)


def _draw_stages(axis: Axes, rows: list[dict]) -> None:
    """A bar for each variant, of its stages."""
    names = names_of(rows)
    start = [0.0] * len(rows)
    for stage in STAGES:
        times = [1e3 * x['stage_seconds'][stage] for x in rows]
        axis.barh(names, times, left=start, label=stage)
        start = [x + y for x, y in zip(start, times)]
    # Axes that are shared must not be turned around twice.
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.tick_params(axis='y', labelsize=8)
    axis.set_xlabel('ms for an image, medians')
