"""Bulk detection as photos multiply: time, and memory that must not grow.

Makes folders of tiny photos, 64 x 64 pixels, and detects in them on Ray at
their own size. Memory is what a process shares with none, at most; it and the
Parquet files are in MiB.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np

from benchmarks.markdown import markdown
from mmsrn.cli.arguments import positive, program_parser
from mmsrn.utils.errors import user_errors
from mmsrn.utils.output_file import write_json

from .processes import measure

SIDE = 64
KINDS = 100  # different photos; the others are links to them
HEAD = 'photos', 's', 'CPU ms/photo', 'driver', 'actor', 'store', 'Parquet'


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__, prog='python -m benchmarks.bulk.growth')
    parser.add_argument(
        'numbers',
        nargs='*',
        type=positive,
        default=[1000, 10_000, 100_000],
        help='of photos (default: 1000 10000 100000)',
    )
    parser.add_argument(
        '--actors', type=positive, default=1, help='(default: 1)'
    )
    parser.add_argument('--json', help='also write the numbers to this file')
    return parser


def make_photos(folder: Path, number: int) -> None:
    """Fill a folder with tiny photos, a thousand in each folder below."""
    rng = np.random.default_rng(0)
    for i in range(number):
        path = folder / f'{i // 1000:04d}' / f'{i:07d}.jpg'
        if i % 1000 == 0:
            path.parent.mkdir(parents=True)
        if i < KINDS:
            coarse = rng.integers(0, 255, (8, 8, 3), np.uint8)
            cv2.imwrite(str(path), cv2.resize(coarse, (SIDE, SIDE)))
        else:
            os.link(folder / '0000' / f'{i % KINDS:07d}.jpg', path)


def grow(work: Path, number: int, actors: int) -> dict:
    """Measure one number of photos."""
    photos, faces = work / f'photos{number}', work / f'faces{number}'
    make_photos(photos, number)
    job = [photos, '--scale', 'original', '--ray', '--actors', actors]
    done = measure([*job, '--parquet', faces])
    size = sum(x.stat().st_size for x in faces.iterdir())
    return dict(
        photos=number,
        seconds=done.seconds,
        cpu=done.cpu / number,
        parquet=size / 2**20,
        output=done.output,
        **done.peaks,
    )


@user_errors('benchmarks.bulk.growth')
def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    args = make_parser().parse_args(argv)
    rows = []
    for number in args.numbers:
        with tempfile.TemporaryDirectory() as work:
            rows.append(grow(Path(work), number, args.actors))
        print(rows[-1].pop('output').strip(), flush=True)
        write_json(args.json, rows)
    cells = [
        (
            f'{x["photos"]:,}',
            f'{x["seconds"]:.0f}',
            f'{1000 * x["cpu"]:.1f}',
            *(f'{x[y]:.0f}' for y in ('driver', 'actor', 'store')),
            f'{x["parquet"]:.1f}',
        )
        for x in rows
    ]
    print(markdown(HEAD, cells, left=0))


if __name__ == '__main__':
    main()
