"""Numbers of predictions as tables in Markdown."""

from __future__ import annotations

import textwrap

from benchmarks.ablation.table import short_names
from benchmarks.markdown import markdown

from .stages import STAGES


def title(setting: dict) -> str:
    """Name of a setting."""
    share = setting['imposed']
    if share is None:
        return setting['size']
    return f'{setting["size"]}, {100 * share:g} % of the cells active'


def text(result: dict) -> str:
    """Everything for the terminal and for pages."""
    lines = []
    for model in result['models']:
        weights = model['checkpoint'] or 'random weights'
        lines.append(f'{model["name"]}: {weights}')
    if result['imposed'] is None and not all(
        x['checkpoint'] for x in result['models']
    ):
        lines.append(
            'With random weights it is chance which cells survive STC; '
            '--impose-active sets their share.'
        )
    blocks = ['\n'.join(lines), _conditions(result)]
    for setting in result['settings']:
        blocks += [_costs(setting), _stages(setting)]
        if setting['imposed'] is None:
            blocks += _active(setting)
    return '\n\n'.join(blocks) + '\n'


def _conditions(result: dict) -> str:
    """Machine, and what the numbers are."""
    text = (
        f'{result["device"]}, threads: {result["threads"]}, '
        f'torch {result["torch"]}; medians of {result["iters"]}, '
        'shares of the first row.'
    )
    if result['imposed'] is not None:
        text += f' {result["imposed"]}'
    return textwrap.fill(text, 79, break_on_hyphens=False)


def _names_of(setting: dict) -> list[str]:
    """Name what was measured, no longer than needed."""
    rows = setting['rows']
    models = list(dict.fromkeys(x['model'] for x in rows))
    short = dict(zip(models, short_names(models)))
    if len(models) == 1:
        return [f'`{x["variant"]}`' for x in rows]
    return [f'`{short[x["model"]]} {x["variant"]}`' for x in rows]


def _costs(setting: dict) -> str:
    """A line for each variant: time, work, boxes and memory of an image."""
    rows, names = setting['rows'], _names_of(setting)
    memory = 'peak_bytes' in rows[0]
    head = [title(setting), 'ms', 'min-max', f'share of {names[0]}']
    head += ['thousand million multiply-adds', 'boxes']
    head += ['peak of tensors, MiB'] * memory
    cells = [
        [
            name,
            _ms(row['seconds']),
            f'{_ms(row["seconds_min"])}-{_ms(row["seconds_max"])}',
            f'{row["ratio"]:.2f}',
            f'{row["multiply_adds"] / 1e9:.1f}',
            f'{row["boxes"]:.0f}',
            *([f'{row["peak_bytes"] / 2**20:.1f}'] if memory else []),
        ]
        for name, row in zip(names, rows)
    ]
    return markdown(head, cells)


def _stages(setting: dict) -> str:
    """A line for each variant: times of its stages."""
    cells = [
        [name, *(_ms(row['stage_seconds'][x]) for x in STAGES)]
        for name, row in zip(_names_of(setting), setting['rows'])
    ]
    return markdown([f'{title(setting)}, ms', *STAGES], cells)


def _active(setting: dict) -> list[str]:
    """A table for each model: of which cells the second step is computed."""
    models = {k: v for k, v in setting['active'].items() if v}
    tables = []
    for model, levels in models.items():
        corner = f'% of the cells, {title(setting)}'
        corner += f', {model}' if len(models) > 1 else ''
        rows = [
            [text, *(_percent(x[key]) for x in levels)]
            for key, text in (
                ('survive', 'survive the first step'),
                ('boxes', 'get boxes'),
            )
        ]
        tables.append(markdown([corner, *(x['level'] for x in levels)], rows))
    return tables


def _ms(seconds: float) -> str:
    milliseconds = 1e3 * seconds
    return f'{milliseconds:.{0 if milliseconds >= 10 else 1}f}'


def _percent(share: float | None) -> str:
    return '' if share is None else f'{100 * share:.1f}'
