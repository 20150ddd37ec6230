"""Compare detection on Ray with one process of mmsrn detect.

The photos of a folder are repeated until there are enough, as links. Each way
is a whole command, from its start to its json; results are compared but for
the seconds in them. Memory, in MiB and at most, is what a process shares with
none: of the driver, of the largest actor, and what a process has seen of the
photos that Ray holds.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from mmsrn.cli.arguments import positive, program_parser
from mmsrn.utils.errors import user_errors
from mmsrn.utils.output_file import write_json

from .photos import faces, repeat, scale
from .processes import Measured, measure


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__, prog='python -m benchmarks.bulk')
    parser.add_argument('photos', type=Path, help='folder of photos')
    parser.add_argument(
        '--number',
        type=positive,
        default=2000,
        help='of photos (default: 2000)',
    )
    parser.add_argument(
        '--actors', type=positive, default=2, help='on Ray (default: 2)'
    )
    parser.add_argument(
        '--scale', help='as of mmsrn detect (default: its own)'
    )
    parser.add_argument('--json', help='also write the numbers to this file')
    return parser


def compare(
    work: Path, common: list, actors: int
) -> dict[str, Measured | bool]:
    """Run all ways, and compare what they found."""
    alone = [*common, '--json', work / 'alone.json']
    done: dict[str, Measured | bool] = {}
    done['one_thread'] = measure(alone, OMP_NUM_THREADS='1')
    print(f'one thread: {done["one_thread"].seconds:.1f} s', flush=True)
    done['one_process'] = measure(alone)
    print(f'one process: {done["one_process"].seconds:.1f} s', flush=True)
    ray = ['--ray', '--actors', actors, '--parquet', work / 'faces']
    done['ray'] = measure([*common, *ray, '--json', work / 'ray.json'])
    print(done['ray'].output.strip(), flush=True)
    truth = faces(work / 'alone.json')
    done['same'] = faces(work / 'ray.json') == truth
    return done


@user_errors('benchmarks.bulk')
def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    args = make_parser().parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        repeat(work / 'photos', args.photos, args.number)
        common = [work / 'photos', *scale(args.scale)]
        done = compare(work, common, args.actors)
    ray = done['ray']
    numbers = dict(
        photos=args.number,
        actors=args.actors,
        scale=args.scale,
        same=done['same'],
        memory=ray.peaks,
    )
    for name in ('one_thread', 'one_process', 'ray'):
        numbers[name] = done[name].seconds
        numbers[f'{name}_cpu'] = done[name].cpu
        print(f'{name}: {numbers[name]:.1f} s')
    for name in ('one_thread', 'one_process'):
        numbers[f'ray / {name}'] = ray.seconds / done[name].seconds
        print(f'ray / {name}: {numbers[f"ray / {name}"]:.2f}')
    print(f'memory: {ray.peaks}, same faces: {done["same"]}')
    write_json(args.json, numbers)


if __name__ == '__main__':
    main()
