"""Numbers of predictions as tables of a page in Markdown."""

from __future__ import annotations

import textwrap

from benchmarks.ablation.table import short_names
from benchmarks.markdown import markdown

_MEMORY = 'peak of tensors, MiB'


def names_of(rows: list[dict]) -> list[str]:
    """Name what was measured, no longer than needed."""
    models = list(dict.fromkeys(x['model'] for x in rows))
    if len(models) == 1:
        return [x['variant'] for x in rows]
    short = dict(zip(models, short_names(models)))
    return [f'{short[x["model"]]} {x["variant"]}' for x in rows]


def title(setting: dict) -> str:
    """Name of a setting."""
    share = setting['imposed']
    if share is None:
        return setting['size']
    return f'{setting["size"]}, {100 * share:g} % of the cells active'


def text(result: dict) -> str:
    """Everything for the terminal."""
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
    lines += ['', all_tables(result)]
    for setting in result['settings']:
        lines.append(f'{title(setting)}: ms, share of the rate, stages')
        for name, row in zip(names_of(setting['rows']), setting['rows']):
            low, high = 1e3 * row['seconds_min'], 1e3 * row['seconds_max']
            stages = ', '.join(
                f'{x} {1e3 * y:.1f}' for x, y in row['stage_seconds'].items()
            )
            share = 100 * row['share_of_rate']
            lines.append(
                f'  {name}: {low:.1f}-{high:.1f}, {share:.0f} %, {stages}'
            )
    return '\n'.join(lines)


def all_tables(result: dict) -> str:
    """Format times, work, memory and active cells."""
    settings = result['settings']
    shares = list(dict.fromkeys(x['imposed'] for x in settings))
    sizes = list(dict.fromkeys(x['size'] for x in settings))
    blocks = [_conditions(result)]
    if len(shares) > 1:
        for size in sizes:
            group = [x for x in settings if x['size'] == size]
            labels = [f'{100 * x["imposed"]:g} %' for x in group]
            blocks += _columns(f'{size}, active cells', labels, group)
    elif len(sizes) > 1:
        blocks += _columns('size', [_size(x) for x in sizes], settings)
    else:
        blocks.append(_lines(settings[0]))
    for setting in settings:
        if setting['imposed'] is None:
            blocks += _active(setting, len(sizes) > 1)
    return '\n\n'.join(blocks) + '\n'


def _conditions(result: dict) -> str:
    """Machine, and what the numbers are."""
    parts = [
        result['device'],
        f'threads: {result["threads"]}',
        f'torch {result["torch"]}',
        f'{result["rate"] / 1e9:.0f} GFLOP/s in a 3x3 convolution of 256 '
        'channels',
    ]
    text = ', '.join(parts)
    text += f'; medians of {result["iters"]}, shares of the first row.'
    if result['imposed'] is not None:
        text += f' {result["imposed"]}'
    return textwrap.fill(text, 79, break_on_hyphens=False)


def _columns(corner: str, labels: list[str], group: list[dict]) -> list[str]:
    """Tables with a column for each setting."""
    names = [f'`{x}`' for x in names_of(group[0]['rows'])]
    rows, works = [], {}
    for i, name in enumerate(names):
        cells = [_time(x['rows'][i]) for x in group]
        if i > 0:
            cells = [
                f'{cell}, {x["rows"][i]["ratio"]:.2f}'
                for cell, x in zip(cells, group)
            ]
        rows.append([f'{name}, ms', *cells])
        # Counted before the preparation: the first variant stands for all.
        work = tuple(x['rows'][i]['multiply_adds'] for x in group)
        works.setdefault(work, name)
    first = next(iter(works))
    for work, name in works.items():
        if work is first:
            cells = [f'{x / 1e9:.1f}' for x in work]
            name += ', thousand million'
        else:
            cells = [f'{x / y:.2f}' for x, y in zip(work, first)]
        rows.append([f'multiply-adds of {name}', *cells])
    tables = [markdown([corner, *labels], rows)]
    if 'peak_bytes' in group[0]['rows'][0]:
        rows = [
            [name, *(_mebibytes(x['rows'][i]) for x in group)]
            for i, name in enumerate(names)
        ]
        tables.append(markdown([_MEMORY, *labels], rows))
    return tables


def _lines(setting: dict) -> str:
    """A table with a line for each variant."""
    rows = setting['rows']
    names = [f'`{x}`' for x in names_of(rows)]
    memory = 'peak_bytes' in rows[0]
    head = [
        setting['size'],
        'ms for an image',
        f'share of {names[0]}',
        'thousand million multiply-adds',
        'boxes in an image',
        *[_MEMORY] * memory,
    ]
    cells = [
        [
            name,
            _time(row),
            f'{row["ratio"]:.2f}',
            f'{row["multiply_adds"] / 1e9:.1f}',
            f'{row["boxes"]:.0f}',
            *([_mebibytes(row)] if memory else []),
        ]
        for name, row in zip(names, rows)
    ]
    return markdown(head, cells)


def _active(setting: dict, several: bool) -> list[str]:
    """A table for each model: of which cells the second step is computed."""
    models = {k: v for k, v in setting['active'].items() if v}
    tables = []
    for model, levels in models.items():
        corner = '% of the cells'
        corner += f', {setting["size"]}' if several else ''
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


def _time(row: dict) -> str:
    milliseconds = 1e3 * row['seconds']
    return f'{milliseconds:.{0 if milliseconds >= 10 else 1}f}'


def _mebibytes(row: dict) -> str:
    return f'{row["peak_bytes"] / 2**20:.1f}'


def _percent(share: float | None) -> str:
    return '' if share is None else f'{100 * share:.1f}'


def _size(text: str) -> str:
    return text.replace('x', ' x ')
