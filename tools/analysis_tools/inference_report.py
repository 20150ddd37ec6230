"""Numbers of benchmark_inference.py: text, csv, a picture."""

from __future__ import annotations

import csv
import io

from ablation_table import short_names
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from stage_meter import STAGES

_MEBIBYTE = 2**20
_GIBIBYTE = 2**30


def names_of(rows: list[dict]) -> list[str]:
    """Name what was measured, no longer than needed.

    Args:
        rows (list[dict]): Rows of a setting.

    Returns:
        list[str]: The variant; with the model, without the end that all
        names share, if there are several.
    """
    models = list(dict.fromkeys(x['model'] for x in rows))
    if len(models) == 1:
        return [x['variant'] for x in rows]
    short = dict(zip(models, short_names(models)))
    return [f'{short[x["model"]]} {x["variant"]}' for x in rows]


def text(result: dict) -> str:
    """Format all numbers for the terminal.

    Args:
        result (dict): What was measured.

    Returns:
        str: Lines.
    """
    rates = result['rates']
    lines = [
        '{device}, threads: {threads}, torch {torch}; median of '
        '{iters}'.format(**result),
        f'this machine: 3x3 convolution {rates["convolution"] / 1e9:.1f} '
        f'GFLOP/s, matrix product {rates["matrix_product"] / 1e9:.1f} GFLOP/s',
    ]
    for model in result['models']:
        weights = model['checkpoint'] or 'random weights'
        lines.append(f'{model["name"]}: {weights}')
    if result['imposed'] is not None:
        lines.append(result['imposed'])
    elif not all(x['checkpoint'] for x in result['models']):
        lines.append(
            'With random weights it is chance which cells survive STC; '
            '--impose-active sets their share.'
        )
    for setting in result['settings']:
        lines += ['', *_setting(setting)]
    for row in result['calibration']:
        prepared = ', prepared' if row['prepared'] else ''
        lines += [
            '',
            f'{row["model"]}{prepared}, class subnet on {row["level"]} of '
            f'{row["size"]}: rows take the time of the map at '
            f'{row["crossover"]:.2f} of its work',
            f'execution.crossover.inference={row["crossover"]:.2f}',
        ]
    return '\n'.join(lines)


def title(setting: dict) -> str:
    """Name of a setting.

    Args:
        setting (dict): Its ``size`` and ``imposed``.

    Returns:
        str: Such as ``'480x640, 3 % of the cells active'``.
    """
    share = setting['imposed']
    if share is None:
        return setting['size']
    return f'{setting["size"]}, {100 * share:g} % of the cells active'


def _setting(setting: dict) -> list[str]:
    """Lines of one size and share."""
    rows = setting['rows']
    names = names_of(rows)
    wide = max(map(len, names))
    # Of tensors, and of a process.
    has_memory, has_process = (
        x in rows[0] for x in ('peak_bytes', 'process_bytes')
    )
    head = f'{"":{wide}} {"ms":>8} {"(min-max)":>17} {"ratio":>6} '
    head += f'{"GMAC":>8} {"rate":>5} '
    head += (
        ' '.join(f'{x.split("-")[0]:>8}' for x in STAGES) + f' {"boxes":>6}'
    )
    head += f' {"MiB":>7}' if has_memory else ''
    head += f' {"GiB":>5}' if has_process else ''
    lines = [title(setting), head]
    for name, row in zip(names, rows):
        low, high = row['seconds_min'] * 1e3, row['seconds_max'] * 1e3
        spread = f'({low:.1f}-{high:.1f})'
        line = f'{name:{wide}} {row["seconds"] * 1e3:8.1f} {spread:>17} '
        line += f'{row["ratio"]:6.3f} {row["multiply_adds"] / 1e9:8.3f} '
        line += f'{100 * row["share_of_rate"]:4.0f}% '
        line += ' '.join(
            f'{row["stage_seconds"][x] * 1e3:8.1f}' for x in STAGES
        )
        line += f' {row["boxes"]:6.0f}'
        if has_memory:
            line += f' {row["peak_bytes"] / _MEBIBYTE:7.1f}'
        if has_process:
            line += f' {row["process_bytes"] / _GIBIBYTE:5.2f}'
        lines.append(line)
    for model, levels in setting['active'].items():
        parts = [
            f'{x["level"]} {_percent(x["survive"])}/{_percent(x["boxes"])}'
            for x in levels
        ]
        if parts:
            lines.append(
                f'{model}, % of cells that survive/get boxes: '
                + ', '.join(parts)
            )
    return lines


def _percent(share: float | None) -> str:
    return '-' if share is None else f'{100 * share:.1f}'


def csv_table(result: dict) -> str:
    """Format all rows with all digits, a line for each.

    Args:
        result (dict): What was measured.

    Returns:
        str: Lines of a csv file.
    """
    lines = [
        {'size': setting['size'], 'imposed': setting['imposed'], **_flat(row)}
        for setting in result['settings']
        for row in setting['rows']
    ]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(lines[0]), lineterminator='\n')
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


def _flat(row: dict) -> dict:
    """A row with a key for each stage."""
    flat = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= {f'{key}_{stage}': x for stage, x in value.items()}
        else:
            flat[key] = value
    return flat


def draw(result: dict) -> Figure:
    """Draw time against the share of active cells, or size, or its stages.

    Args:
        result (dict): What was measured.

    Returns:
        Figure: A panel for each size; with one share of several sizes, one of
        time and, if it was measured, one of the memory of a process.
    """
    sizes = list(dict.fromkeys(x['size'] for x in result['settings']))
    shares = {x['imposed'] for x in result['settings']}
    if len(sizes) > 1 and len(shares) == 1:
        return _draw_sizes(result)
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


def _draw_sizes(result: dict) -> Figure:
    """Lines against megapixels, one for each variant."""
    settings = sorted(
        result['settings'], key=lambda x: x['pixels'][0] * x['pixels'][1]
    )
    megapixels = [x['pixels'][0] * x['pixels'][1] / 1e6 for x in settings]
    panels = [('seconds', 1, 'time of an image (s), median')]
    if 'process_bytes' in settings[0]['rows'][0]:
        label = 'peak memory of the process (GiB)'
        panels.append(('process_bytes', _GIBIBYTE, label))
    figure = Figure((6.4 * len(panels), 4.2), layout='constrained')
    for i, (key, unit, label) in enumerate(panels):
        axis = figure.add_subplot(1, len(panels), i + 1)
        for j, name in enumerate(names_of(settings[0]['rows'])):
            values = [x['rows'][j][key] / unit for x in settings]
            axis.plot(megapixels, values, marker='o', ms=4, label=name)
        axis.set_xlabel('megapixels')
        axis.set_ylabel(label)
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
    return _finish(figure, result)


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
