"""Time what mmsrn does fast against the slow way it was published in.

voting       box voting against the published loop
evaluation   the whole WIDER FACE evaluation against a transcription of the
             published code, which goes through detections, faces and
             thresholds one by one
enhancement  MSRCR with its fast surround against cv2.GaussianBlur

Both sides run in turns in one process; times are medians. Their results are
compared, too.
"""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from pathlib import Path

from benchmarks.markdown import markdown
from mmsrn.cli.arguments import positive
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import write_json


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.loops',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('what', choices=WHAT)
    parser.add_argument(
        'inputs',
        nargs='*',
        type=Path,
        metavar='FILE',
        help='evaluation: a folder of results EVENT/IMAGE.txt and the folder '
        'of the .mat files; enhancement: dark photos',
    )
    parser.add_argument(
        '--iters',
        type=positive,
        default=3,
        help='timed runs of each (default: 3)',
    )
    parser.add_argument(
        '--size',
        type=positive,
        metavar='N',
        default=20_000,
        help='voting: detections of each set (default: 20000)',
    )
    parser.add_argument(
        '--form',
        choices=('jobson', 'minmax', 'gimp'),
        default='jobson',
        help='enhancement: of MSRCR (default: jobson)',
    )
    parser.add_argument(
        '--threads',
        type=positive,
        metavar='N',
        help='of OpenCV and NumPy (default: as many as they like)',
    )
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='write the numbers to FILE'
    )
    return parser


WHAT = ('voting', 'evaluation', 'enhancement')


def table(rows: dict[str, dict]) -> str:
    """Format the numbers for the terminal."""
    return markdown(
        ['', 'slow ms', 'fast ms', 'ratio', ''],
        [
            [
                name,
                f'{row["slow_seconds"] * 1e3:.1f}',
                f'{row["seconds"] * 1e3:.1f}',
                f'{row["ratio"]:.1f}',
                row['note'],
            ]
            for name, row in rows.items()
        ],
    )


@user_errors('benchmarks.loops')
def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    args = make_parser().parse_args(argv)
    if args.threads:
        # Libraries read it once, when they are loaded.
        for name in ('OMP', 'OPENBLAS', 'MKL'):
            os.environ[f'{name}_NUM_THREADS'] = str(args.threads)
    module = import_module(f'.{args.what}', __package__)
    try:
        rows = module.measure(args)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    print(table(rows))
    write_json(args.json, rows)


if __name__ == '__main__':
    main()
