"""Numbers of several runs beside each other: text, json, a picture."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import yaml
from matplotlib.figure import Figure

PUBLISHED = (
    Path(__file__).resolve().parents[2] / 'configs/ablation/published.yml'
)
_ANALYSIS = re.compile(r'_(iou\d+|fp@\d+|height_.+|low|high)$')
_MOST_PANELS = 6


@dataclass(frozen=True)
class Number:
    """One number of a config.

    Attributes:
        values (list): One of each seed.
        published (float, optional): The paper's.
    """

    values: list[float | None]
    published: float | None = None

    @property
    def mean(self) -> float | None:
        """float, optional: None if a seed has no such number."""
        if not self.values or None in self.values:
            return None
        return fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """float, optional: Of a seed, estimated from at least two."""
        if len(self.values) < 2 or None in self.values:
            return None
        return stdev(self.values)

    def __str__(self) -> str:
        if self.mean is None:
            return '-'
        text = _shown(self.mean)
        if self.deviation is None or len(set(self.values)) == 1:
            return text
        return f'{text} +- {_shown(self.deviation, self.mean)}'


def _shown(value: float, like: float | None = None) -> str:
    """Enough digits, as many as another number has."""
    size = abs(value if like is None else like)
    digits = 4 if size < 10 else 2 if size < 1000 else 0
    return f'{value:,.{digits}f}'


@dataclass(frozen=True)
class Row:
    """A config and the results of its seeds.

    Attributes:
        config (str): Name of the config.
        results (dict): From the seed to the numbers by name.
    """

    config: str
    results: Mapping[int, Mapping[str, float | None]]

    def numbers(self) -> dict[str, Number]:
        """Put the seeds together."""
        published = read_published().get(self.config, {})
        names = dict.fromkeys(k for x in self.results.values() for k in x)
        return {
            name: Number(
                [x.get(name) for x in self.results.values()],
                published.get(name),
            )
            for name in names
        }


def read_published() -> dict[str, dict[str, float]]:
    """Read the numbers of the paper."""
    return yaml.safe_load(PUBLISHED.read_text(encoding='utf-8'))


def short_names(names: Sequence[str]) -> list[str]:
    """Leave out what all names end with, from an underscore on.

    Args:
        names (Sequence[str]): Names of configs.

    Returns:
        list[str]: In the same order.

    Example:
        >>> short_names(['stc_r50_fpn', 'str_r50_fpn'])
        ['stc', 'str']
    """
    end = os.path.commonprefix([x[::-1] for x in names])[::-1]
    start = end.find('_')
    if len(names) < 2 or start < 0:
        return list(names)
    return [x[: len(x) - len(end) + start] for x in names]


def _all_names(numbers: Sequence[Mapping[str, Number]]) -> list[str]:
    """Metrics first, then what the log says, then costs."""

    def rank(name: str) -> int:
        is_cost = name.startswith(('training', 'million', 'GFLOPs'))
        return 0 if '/' in name else 2 if is_cost else 1

    return sorted(dict.fromkeys(k for x in numbers for k in x), key=rank)


def text_table(rows: Sequence[Row], width: int) -> str:
    """Format the numbers for the terminal: a column for each config."""
    numbers = [x.numbers() for x in rows]
    names = _all_names(numbers)
    heads = short_names([x.config for x in rows])
    papers = {k for x in numbers for k, v in x.items() if v.published}
    columns = []
    for head, row, of_row in zip(heads, rows, numbers):
        cells = [head, str(len(row.results))]
        for name in names:
            number = of_row.get(name, Number([]))
            cells.append(str(number))
            if name in papers:
                paper = number.published
                cells.append('-' if paper is None else _shown(paper))
        columns.append(cells)
    left = ['', 'seeds']
    for name in names:
        left += [name, '  published'] if name in papers else [name]
    return '\n\n'.join(
        '\n'.join(lines) for lines in _blocks(left, columns, width)
    )


def _blocks(
    left: list[str], columns: list[list[str]], width: int
) -> list[list[str]]:
    """Lines of tables with as many columns as fit."""
    first = max(map(len, left))
    blocks: list[list[str]] = []
    room = 0
    for cells in columns:
        needed = max(map(len, cells)) + 2
        if needed > room:
            blocks.append([x.ljust(first) for x in left])
            room = width - first
        room -= needed
        lines = zip(blocks[-1], cells)
        blocks[-1] = [line + x.rjust(needed) for line, x in lines]
    return blocks


def as_json(rows: Sequence[Row]) -> dict:
    """Return all numbers with all digits."""
    return {
        row.config: dict(
            seeds=list(row.results),
            numbers={
                name: dict(
                    mean=x.mean,
                    deviation=x.deviation,
                    values=x.values,
                    published=x.published,
                )
                for name, x in row.numbers().items()
            },
        )
        for row in rows
    }


def draw(rows: Sequence[Row]) -> Figure:
    """Draw the metrics: seeds, means and deviations, and the paper's."""
    numbers = [x.numbers() for x in rows]
    names = [
        name
        for name in _all_names(numbers)
        if '/' in name and not _ANALYSIS.search(name)
    ][:_MOST_PANELS]
    wide = max(3.2, 0.45 * len(rows) + 1.2)
    figure = Figure(
        (wide * max(1, min(3, len(names))), 3.6 * (1 + (len(names) > 3))),
        layout='constrained',
    )
    if not names:
        return figure
    axes = figure.subplots(
        1 + (len(names) > 3), min(3, len(names)), squeeze=False
    ).flat
    heads = short_names([x.config for x in rows])
    for axis, name in zip(axes, names):
        for i, of_row in enumerate(numbers):
            number = of_row.get(name, Number([]))
            seeds = [x for x in number.values if x is not None]
            axis.plot([i] * len(seeds), seeds, '.', color='0.6', zorder=1)
            if number.mean is not None:
                axis.errorbar(
                    i, number.mean, number.deviation, fmt='o', color='C0',
                    capsize=3, zorder=2,
                )  # fmt: skip
            if number.published is not None:
                axis.plot(i, number.published, 'D', mfc='none', color='C1')
        axis.set_title(name, fontsize=9)
        axis.set_xticks(range(len(rows)), heads, rotation=60, fontsize=8)
        axis.grid(alpha=0.3)
    for axis in [*axes][len(names) :]:
        axis.axis('off')
    figure.supxlabel(
        'Grey: seeds. Blue: their mean and deviation. Diamonds: published.',
        fontsize=9,
        color='0.3',
    )
    return figure
