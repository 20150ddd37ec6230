#!/usr/bin/env python3
"""Draw a contact sheet: an image under every enhancement method.

Each cell names the method, its time in ms (one run in this process, for a
rough idea; `benchmarks.loops` measures) and the mean brightness, 0 to 255.
Methods run with their defaults, MSRCR and adaptive gamma in each form.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mmsrn.cli.arguments import positive
from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.errors import UserError, user_errors

if TYPE_CHECKING:
    import numpy as np

DRAWN = 'drawn'
FORMS = {
    'msrcr': ('jobson', 'minmax', 'gimp'),
    'adaptive_gamma': ('agcwd', 'mean'),
}
EXAMPLES = """
examples:
  %(prog)s data/darkface/image/234.png
  %(prog)s a.png b.png --methods msrcr gamma lime --columns 3
  %(prog)s drawn            a drawn night scene, where no photo is at hand
"""


class Cell(NamedTuple):
    """One picture of the sheet and its caption."""

    picture: np.ndarray
    caption: str


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'images', nargs='+', metavar='IMAGE', help=f'files, or {DRAWN!r}'
    )
    parser.add_argument(
        '--methods',
        nargs='+',
        metavar='NAME',
        help='only these (default: all)',
    )
    parser.add_argument(
        '--columns', type=positive, default=4, help='of cells (default: 4)'
    )
    parser.add_argument(
        '--width',
        type=positive,
        default=540,
        help='of a cell in pixels; enhanced at full size all the same '
        '(default: 540)',
    )
    parser.add_argument(
        '--output-dir',
        type=Path,
        default=Path('work_dirs/browse_enhancement'),
        metavar='DIR',
        help='folder for NAME.png (default: work_dirs/browse_enhancement)',
    )
    return parser


def settings(methods: list[str] | None) -> list[tuple[str, dict]]:
    """Methods and parameters of the cells.

    Args:
        methods (list[str], optional): Names; None for all.

    Returns:
        list[tuple[str, dict]]: Name and parameters.
    """
    from mmsrn.enhance import METHODS

    found = []
    for name in methods or METHODS:
        for form in FORMS.get(name, (None,)):
            found.append((name, {} if form is None else {'form': form}))
    return found


def load(name: str) -> np.ndarray:
    """Read an image, or draw one.

    Args:
        name (str): A path, or :data:`DRAWN`.

    Returns:
        np.ndarray: (h, w, 3) BGR, uint8.

    Raises:
        ValueError: If it cannot be read.
    """
    if name == DRAWN:
        from mmsrn.testing.dark_scene import draw_dark_scene

        return draw_dark_scene()
    from mmsrn.utils.image_files import ABOUT_ONE_IMAGE, read_image

    if not Path(name).is_file():
        raise ValueError(f'{name}: no such file')
    try:
        return read_image(Path(name))
    except ABOUT_ONE_IMAGE as error:
        raise ValueError(f'{name}: not an image: {error}') from error


def make_cells(image: np.ndarray, chosen: list, advance) -> list[Cell]:
    """Enhance an image in all ways.

    Args:
        image (np.ndarray): (h, w, 3) BGR, uint8.
        chosen (list): Names and parameters of the methods.
        advance (Callable): Called after each.

    Returns:
        list[Cell]: The image itself, then the results.
    """
    from mmsrn.enhance import make_enhancer

    cells = [Cell(image, f'original, mean {image.mean():.0f}')]
    for name, params in chosen:
        enhancer = make_enhancer(name, **params)
        begin = time.perf_counter()
        picture = enhancer(image)
        spent = (time.perf_counter() - begin) * 1e3
        title = ' '.join([name, *params.values()])
        cells.append(
            Cell(
                picture, f'{title}, {spent:.0f} ms, mean {picture.mean():.0f}'
            )
        )
        advance()
    return cells


def draw_sheet(
    cells: list[Cell], columns: int, width: int, title: str
) -> np.ndarray:
    """Put the cells into one picture.

    Args:
        cells (list[Cell]): Pictures of one size.
        columns (int): Cells side by side.
        width (int): Of a cell, in pixels.
        title (str): Above all.

    Returns:
        np.ndarray: (h, w, 3) BGR, uint8.
    """
    import cv2
    from matplotlib.figure import Figure

    from mmsrn.visualization import rasterise
    from mmsrn.visualization.panels import show_image

    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    high, wide = cells[0].picture.shape[:2]
    height = max(round(width * high / wide), 1)
    dpi, caption = 100, 26
    figure = Figure(
        figsize=(
            columns * width / dpi,
            (rows * (height + caption) + 30) / dpi,
        ),
        dpi=dpi,
    )
    total = rows * (height + caption) + 30
    for i, cell in enumerate(cells):
        row, column = divmod(i, columns)
        bottom = total - 30 - (row + 1) * (height + caption)
        axis = figure.add_axes(
            (
                column / columns,
                bottom / total,
                0.99 / columns,
                height / total,
            )
        )
        small = cv2.resize(
            cell.picture, (width, height), interpolation=cv2.INTER_AREA
        )
        show_image(axis, cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
        axis.set_aspect('auto')
        axis.set_title(cell.caption, fontsize=10, pad=3)
    figure.suptitle(title, fontsize=11, y=1 - 4 / total, va='top')
    return rasterise(figure)


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Draw.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)

    import cv2
    from rich.progress import Progress

    from mmsrn.enhance import parameters

    try:
        for name in args.methods or ():
            parameters(name)
        images = {name: load(name) for name in args.images}
        chosen = settings(args.methods)
        with Progress(disable=not sys.stdout.isatty()) as bar:
            task = bar.add_task('Enhancing', total=len(images) * len(chosen))
            for name, image in images.items():
                sheet = draw_sheet(
                    make_cells(image, chosen, lambda: bar.advance(task)),
                    args.columns,
                    args.width,
                    f'{Path(name).name}, {image.shape[1]} x {image.shape[0]}',
                )
                file = args.output_dir / f'{Path(name).stem}.png'
                with atomic_file(file) as partial:
                    partial.write_bytes(cv2.imencode('.png', sheet)[1])
    except (ValueError, OSError) as error:
        raise UserError(str(error)) from error
    print(f'Sheets: {args.output_dir}')


if __name__ == '__main__':
    main()
