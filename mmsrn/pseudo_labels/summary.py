"""Numbers of a list of labels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .rule import Labels

__all__ = ['summary']

_SIZES = (8, 16, 32, 64, 128)


def summary(labels: Iterable[Labels], teachers: int) -> str:
    """Count faces, by their size, the square root of their area.

    Args:
        labels (Iterable[Labels]): Of each photo.
        teachers (int): How many there were.

    Returns:
        str: Lines for people.
    """
    labels = list(labels)
    sure = np.concatenate([np.zeros(0, bool), *(x.sure for x in labels)])
    sides = np.concatenate(
        [np.zeros((0, 2)), *(x.boxes[:, 2:] for x in labels)]
    )
    votes = np.concatenate([np.zeros(0, int), *(x.votes for x in labels)])
    bins = np.digitize(np.sqrt(sides.prod(axis=1)), _SIZES)
    without = sum(not x.sure.any() for x in labels)
    lines = [
        f'{len(labels):,} photos, {without:,} of them without a sure face',
        'faces in all  '
        + ''.join(f'{f"< {x} px":>9}' for x in _SIZES)
        + f'{"larger":>9}',
    ]
    for word, chosen in (('sure', sure), ('unsure', ~sure)):
        counts = np.bincount(bins[chosen], minlength=len(_SIZES) + 1)
        lines.append(
            f'{word:7}{chosen.sum():7,}' + ''.join(f'{x:9,}' for x in counts)
        )
    if teachers > 1:
        seen = ', '.join(
            f'{(votes == x).sum():,} by {x}' for x in range(1, teachers + 1)
        )
        lines.append(f'seen by teachers: {seen}')
    return '\n'.join(lines)
