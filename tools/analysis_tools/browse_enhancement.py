#!/usr/bin/env python3
"""Draw a contact sheet: an image under every enhancement method.

Each cell names the method, its time in ms (one run in this process, for a
rough idea; `benchmarks.loops` measures) and the mean brightness, 0 to 255.
Methods run with their defaults, MSRCR and adaptive gamma in each form.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mmsrn.cli.arguments import program_parser
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import output_file

if TYPE_CHECKING:
    import numpy as np

FORMS = {
    'msrcr': ('jobson', 'minmax', 'gimp'),
    'adaptive_gamma': ('agcwd', 'mean'),
}
COLUMNS, WIDTH = 4, 540  # of cells in pixels, enhanced at full size
EXAMPLES = """
examples:
  %(prog)s data/darkface/image/234.png
  %(prog)s a.png b.png --methods msrcr gamma lime
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__, EXAMPLES)
    parser.add_argument('images', nargs='+', metavar='IMAGE', help='files')
    parser.add_argument(
        '--methods',
        nargs='+',
        metavar='NAME',
        help='methods to show (default: all)',
    )
    parser.add_argument(
        '--output-dir',
        type=Path,
        default=Path('work_dirs/browse_enhancement'),
        metavar='DIR',
        help='folder for NAME.png (default: work_dirs/browse_enhancement)',
    )
    return parser


def enhance_all(
    image: np.ndarray, methods: list[str] | None
) -> dict[str, np.ndarray]:
    """Return an image and its enhanced versions, by caption."""
    from mmsrn.enhance import METHODS, make_enhancer

    cells = {f'original, mean {image.mean():.0f}': image}
    for name in methods or METHODS:
        for form in FORMS.get(name, (None,)):
            enhancer = make_enhancer(name, **({'form': form} if form else {}))
            begin = time.perf_counter()
            picture = enhancer(image)
            spent = (time.perf_counter() - begin) * 1e3
            title = f'{name} {form}' if form else name
            mean = f'mean {picture.mean():.0f}'
            cells[f'{title}, {spent:.0f} ms, {mean}'] = picture
    return cells


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Draw."""
    args = make_parser().parse_args(argv)
    from mmsrn.apis.photos import read_photo
    from mmsrn.enhance import parameters
    from mmsrn.visualization import draw_contact_sheet

    try:
        for name in args.methods or ():
            parameters(name)
        for name in args.images:
            image = read_photo(name, name)
            sheet = draw_contact_sheet(
                enhance_all(image, args.methods),
                COLUMNS,
                WIDTH,
                f'{Path(name).name}, {image.shape[1]} x {image.shape[0]}',
            )
            with output_file(args.output_dir / f'{Path(name).stem}.png') as x:
                sheet.savefig(x, dpi=100, format='png')
    except ValueError as error:
        raise UserError(str(error)) from error
    print(f'Sheets: {args.output_dir}')


if __name__ == '__main__':
    main()
