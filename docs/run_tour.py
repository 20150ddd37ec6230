"""Run the notebook docs/tour.ipynb and save what its cells print and show.

``python docs/run_tour.py``; it needs no Jupyter.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

from PIL import Image

TOUR = Path(__file__).resolve().parent / 'tour.ipynb'


def run_cells(notebook: dict[str, Any]) -> dict[str, Any]:
    """Run the code cells of a notebook in order.

    The working folder must be that of the notebook.

    Args:
        notebook: As json holds it; its cells get the new outputs.

    Returns:
        The variables that the cells leave.
    """
    names: dict[str, Any] = {}
    cells = [x for x in notebook['cells'] if x['cell_type'] == 'code']
    for number, cell in enumerate(cells, 1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            value = _run(''.join(cell['source']), names)
        cell['execution_count'] = number
        cell['outputs'] = _outputs(printed.getvalue(), value, number)
    return names


def _run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of its last line, if that is an expression."""
    tree = ast.parse(source)
    last = None
    if isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, TOUR.name, 'exec'), names)
    return (
        None if last is None else eval(compile(last, TOUR.name, 'eval'), names)
    )


def _outputs(printed: str, value: Any, number: int) -> list[dict[str, Any]]:
    """What a notebook saves of a cell; pictures as JPEG."""
    outputs: list[dict[str, Any]] = []
    if printed:
        text = printed.splitlines(keepends=True)
        outputs.append(dict(output_type='stream', name='stdout', text=text))
    if value is not None:
        data = {'text/plain': repr(value).splitlines(keepends=True)}
        if isinstance(value, Image.Image):
            pixels = io.BytesIO()
            value.save(pixels, 'jpeg', quality=88)
            coded = base64.b64encode(pixels.getvalue()).decode()
            data = {'image/jpeg': coded, 'text/plain': ['a picture']}
        outputs.append(
            dict(
                output_type='execute_result',
                data=data,
                execution_count=number,
                metadata={},
            )
        )
    return outputs


def main() -> None:
    """Run the notebook and write it anew."""
    os.chdir(TOUR.parent)
    notebook = json.loads(TOUR.read_text('utf-8'))
    run_cells(notebook)
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    TOUR.write_text(text + '\n', 'utf-8')


if __name__ == '__main__':
    main()
