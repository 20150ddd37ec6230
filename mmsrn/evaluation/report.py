"""Tables and curves that compare several detectors."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from mmsrn.structures.face_set import FaceSet

from .results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def table(truth: FaceSet, results: list[Result]) -> str:
    """Format the numbers for the terminal.

    Args:
        truth (FaceSet): The faces.
        results (list[Result]): The first is what others are compared with.

    Returns:
        str: Several lines.
    """
    curves = results[0].evaluation.curves
    faces = ', '.join(f'{k} {x.num_faces:,}' for k, x in curves.items())
    width = max(12, *(len(x.name) for x in results))
    lines = [
        f'{truth.version}: {len(truth.names):,} images; faces: {faces}',
        *_protocol_lines(results),
        '',
        f'{"AP":{width}}' + ''.join(f'{x:>11}' for x in curves)
        + f'{"detections":>12}',
    ]  # fmt: skip
    for i, result in enumerate(results):
        aps = result.evaluation.ap
        row = ''.join(f'{x:11.6f}' for x in aps.values())
        lines.append(f'{result.name:{width}}{row}{result.num_detections:12,}')
        if i:
            first = results[0].evaluation.ap
            row = ''.join(f'{aps[x] - first[x]:+11.6f}' for x in aps)
            lines.append(f'{"  difference":{width}}{row}')
    if results[0].extras:
        columns = [max(12, len(x.name) + 2) for x in results]
        heads = [f'{x.name:>{c}}' for x, c in zip(results, columns)]
        lines += ['', f'{"analyses":34}' + ''.join(heads)]
        for key in dict.fromkeys(k for x in results for k in x.extras):
            cells = [
                f'{_shown(x.extras.get(key)):>{c}}'
                for x, c in zip(results, columns)
            ]
            lines.append(f'{key:34}' + ''.join(cells))
    for result in results:
        if result.worst_score is not None:
            lines += ['', *_worst(result)]
    return '\n'.join(lines)


def _protocol_lines(results: list[Result]) -> list[str]:
    """How the images were tested: one line, or one for each if they differ."""
    protocols = {x.tested for x in results}
    if len(protocols) == 1:
        return [f'protocol: {protocols.pop()}']
    return [f'protocol of {x.name}: {x.tested}' for x in results]


def _shown(value: float | None) -> str:
    if value is None:
        return '-'
    return f'{value:,}' if isinstance(value, int) else f'{value:.6f}'


def _worst(result: Result) -> list[str]:
    setting = list(result.evaluation.curves)[-1]
    head = (
        f'{result.name}: most errors in {setting}, from score '
        f'{result.worst_score:g} (best F1) on: missed, false'
    )
    rows = [
        f'  {x.missed:5} {x.false_positives:5}  {x.name}' for x in result.worst
    ]
    return [head, *(rows or ['  none'])]


def csv_table(results: list[Result]) -> str:
    """Format the numbers with all their digits.

    Args:
        results (list[Result]): All results.

    Returns:
        str: Lines of a csv file.
    """
    keys = list(dict.fromkeys(k for x in results for k in x.numbers))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['prediction', *keys, 'detections', 'protocol'])
    for result in results:
        row = [result.numbers.get(key) for key in keys]
        row += [result.num_detections, result.tested]
        writer.writerow([result.name, *row])
    return text.getvalue()


def pr_figure(results: list[Result]) -> Figure:
    """Draw precision against recall, with the protocols below.

    Args:
        results (list[Result]): All results.

    Returns:
        Figure: One panel for each setting.

    Raises:
        ImportError: If Matplotlib is not installed.
    """
    from mmsrn.visualization import draw_pr_panels

    panels = {
        setting: {
            x.name: (
                x.evaluation.curves[setting].recall,
                x.evaluation.curves[setting].precision,
                x.evaluation.curves[setting].ap,
            )
            for x in results
        }
        for setting in results[0].evaluation.curves
    }
    return draw_pr_panels(panels, '\n'.join(_protocol_lines(results)))
