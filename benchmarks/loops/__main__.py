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
import sys
from importlib import import_module
from pathlib import Path

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
        'of the .mat files; enhancement: dark photos '
        '(default: a drawn picture)',
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
        '--min-ratio',
        type=float,
        metavar='R',
        help='exit status 1 if the fast way is less than R times as fast: '
        'with voting on the set "passes", with enhancement on any photo',
    )
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='write the numbers to FILE'
    )
    return parser


WHAT = ('voting', 'evaluation', 'enhancement')


def table(result: dict) -> str:
    """Format the numbers for the terminal."""
    rows = result['rows']
    wide = max(len(x) for x in rows)
    lines = [f'{"":{wide}} {"slow ms":>10} {"fast ms":>9} {"ratio":>6}']
    for name, row in rows.items():
        lines.append(
            f'{name:{wide}} {row["slow_seconds"] * 1e3:10.1f} '
            f'{row["seconds"] * 1e3:9.1f} {row["ratio"]:6.1f}  {row["note"]}'
        )
    return '\n'.join(lines)


@user_errors('benchmarks.loops')
def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    args = make_parser().parse_args(argv)
    if args.threads:
        # Libraries read it once, when they are loaded.
        for name in ('OMP', 'OPENBLAS', 'MKL'):
            os.environ[f'{name}_NUM_THREADS'] = str(args.threads)
    module = import_module(f'.{args.what}', __package__)
    try:
        result = module.measure(args)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    print(table(result))
    write_json(args.json, result)
    if args.min_ratio is not None and result['ratio'] < args.min_ratio:
        print(f'Less than {args.min_ratio} times as fast.', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
