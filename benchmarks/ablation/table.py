"""Numbers of several runs beside each other."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import yaml

from benchmarks.markdown import markdown

PUBLISHED = (
    Path(__file__).resolve().parents[2] / 'configs/ablation/published.yml'
)


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


def _rank(name: str) -> int:
    """Metrics first, then what the log says, then costs."""
    is_cost = name.startswith(('training', 'million', 'GFLOPs'))
    return 0 if '/' in name else 2 if is_cost else 1


def text_table(rows: Sequence[Row]) -> str:
    """Format the numbers for the terminal: a column for each config."""
    numbers = [x.numbers() for x in rows]
    lines = [['seeds', *(str(len(x.results)) for x in rows)]]
    for name in sorted(
        dict.fromkeys(k for x in numbers for k in x), key=_rank
    ):
        of_name = [x.get(name, Number([])) for x in numbers]
        lines.append([name, *map(str, of_name)])
        papers = [x.published for x in of_name]
        if any(papers):
            cells = ('-' if x is None else _shown(x) for x in papers)
            lines.append(['published', *cells])
    return markdown(['', *short_names([x.config for x in rows])], lines)


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
