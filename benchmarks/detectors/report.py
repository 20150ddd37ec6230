"""Tables of what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.markdown import markdown

from .contestants import CENTER_FACE

LEGEND = (
    'ms: median of a whole call; x ours, x CenterFace: its ratio to theirs; '
    'CPU: processor time in ms, less where other programs took the core. '
    "AP: COCO's. R@n: recall at n false alarms a photo. default: the score "
    'from which a detector reports faces by itself, with recall and false '
    'alarms a photo there. F1: the best, and its score.'
)
_MEANS = (
    *('seconds', 'cpu_seconds', 'AP', 'AP50', 'AP75'),
    *('recall', 'default_recall', 'default_false'),
)


def set_table(block: dict[str, Any], levels: Sequence[float]) -> str:
    """Write the numbers of a set.

    Args:
        block (dict[str, Any]): ``name``, ``photos``, ``faces`` and
            ``detectors``, a list of dicts of ``measure`` with a ``name``.
        levels (Sequence[float]): Those of ``measure``.

    Returns:
        str: A table in Markdown with a row for each detector, and, if the
        block has them, one by height of the faces.
    """
    detectors = block['detectors']
    ours = detectors[0]['seconds']
    center = [x['seconds'] for x in detectors if x['name'] == CENTER_FACE]
    title = f'{block["name"]}: {block["photos"]} photos'
    head = [
        *(f'{title}, {block["faces"]} faces', 'ms', 'x ours'),
        *(f'x {CENTER_FACE}' for _ in center),
        'CPU',
        *('AP', 'AP50', 'AP75', *(f'R@{x:g}' for x in levels)),
        *('default', 'recall', 'false', 'F1', 'at'),
    ]
    rows = [
        [
            x['name'],
            f'{1000 * x["seconds"]:.1f}',
            *(f'{x["seconds"] / y:.2f}' for y in (ours, *center)),
            f'{1000 * x["cpu_seconds"]:.1f}',
            *(f'{x[key]:.3f}' for key in ('AP', 'AP50', 'AP75')),
            *(f'{y:.3f}' for y in x['recall']),
            f'{x["default_score"]:g}',
            *(f'{x[y]:.3f}' for y in ('default_recall', 'default_false')),
            *(_shown(x.get(y)) for y in ('best_f1', 'best_score')),
        ]
        for x in detectors
    ]
    tables = [markdown(head, rows)]
    if 'heights' in detectors[0]:
        values = ['AP50', *(f'R@{x:g}' for x in levels)]
        head = [
            f'{", ".join(values)} by height of faces in pixels (their number)',
            *(f'{x["band"]} ({x["faces"]})' for x in detectors[0]['heights']),
        ]
        rows = [
            [
                x['name'],
                *(
                    ' '.join(f'{v:.3f}' for v in (y['AP50'], *y['recall']))
                    for y in x['heights']
                ),
            ]
            for x in detectors
        ]
        tables.append(markdown(head, rows))
    return '\n\n'.join(tables)


def mean_block(blocks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Average over sets, each as much as the others.

    Args:
        blocks (Sequence[dict[str, Any]]): See :func:`set_table`, of the same
            detectors.

    Returns:
        dict[str, Any]: Such a block, without what has no mean.
    """
    detectors = []
    for same in zip(*(x['detectors'] for x in blocks)):
        means = {
            key: np.mean([x[key] for x in same], axis=0).tolist()
            for key in _MEANS
        }
        detectors.append(
            dict(
                name=same[0]['name'],
                default_score=same[0]['default_score'],
                **means,
            )
        )
    return dict(
        name=f'mean of {len(blocks)} sets',
        photos=sum(x['photos'] for x in blocks),
        faces=sum(x['faces'] for x in blocks),
        detectors=detectors,
    )


def false_alarm_table(block: dict[str, Any]) -> str:
    """Write what was found on photos without faces.

    Args:
        block (dict[str, Any]): ``name``, ``photos`` and ``detectors``, a list
            of dicts of ``count_false_alarms`` with a ``name``.

    Returns:
        str: A table in Markdown.
    """
    head = [
        f'{block["name"]}: {block["photos"]} photos without faces',
        *('default', 'false alarms', 'photos with one', 'highest scores'),
    ]
    rows = [
        [
            x['name'],
            f'{x["default_score"]:g}',
            *(str(x[key]) for key in ('alarms', 'photos')),
            ' '.join(f'{score:.2f}' for score, _ in x['highest'][:5]),
        ]
        for x in block['detectors']
    ]
    return markdown(head, rows)


def _shown(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'
