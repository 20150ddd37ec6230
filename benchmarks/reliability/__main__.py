"""Damage files, kill commands, crowd in, and count what goes wrong.

mutations     files with seeded damage, read by everything that reads files
kills         commands killed at random points and started again
surroundings  full disks, closed pipes, signals
bombs         names that lead out, links that loop, decompression
memory        many photos in one run
at-once       threads and processes

The exit status is 1 if something went wrong, which is listed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mmsrn.cli.arguments import positive, program_parser
from mmsrn.utils.errors import user_errors

PARTS = 'mutations kills surroundings bombs memory at-once'.split()
#: MiB that a run may grow by; caches fill.
_GROWTH = 100
Row = tuple[str, str, list[str]]


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__, prog='python -m benchmarks.reliability')
    parser.add_argument(
        '--parts', nargs='+', choices=PARTS, default=PARTS, metavar='PART'
    )
    parser.add_argument(
        '--mutations', type=positive, default=10_000, help='(%(default)s)'
    )
    parser.add_argument(
        '--kills', type=positive, default=20, help='of each (%(default)s)'
    )
    parser.add_argument(
        '--photos', type=positive, default=2000, help='(%(default)s)'
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of damage and kills (%(default)s)'
    )
    return parser


def _mutations(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    from .mutations import TARGETS, run_target

    shares = sum(x[2] for x in TARGETS.values())
    for name, (_, _, share) in TARGETS.items():
        count = max(round(args.mutations * share / shares), 1)
        counts, faults = run_target(name, count, args.seed, folder)
        done = f'{counts["read"]:,} read, {counts["refused"]:,} refused'
        yield f'{count:,} damaged files: {name}', done, faults


def _kills(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    from .kills import COMMANDS, kill_and_resume

    for i, name in enumerate(COMMANDS):
        where = folder / f'kill{i}'
        where.mkdir()
        faults = list(kill_and_resume(name, args.kills, args.seed, where))
        yield f'{args.kills} kills: {name}', 'the same result', faults


def _others(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    from . import crowds

    for part, function in (
        ('surroundings', crowds.surroundings),
        ('bombs', crowds.bombs),
        ('at-once', lambda _: crowds.at_once()),
    ):
        if part not in args.parts:
            continue
        where = folder / part
        where.mkdir()
        for name, wrong in function(where):
            yield (
                name,
                'as it should be',
                [f'{name}: {wrong}'] if wrong else [],
            )
    if 'memory' in args.parts:
        where = folder / 'memory'
        early, late = crowds.flat_memory(where, args.photos)
        told = f'{early:.0f} MiB after a tenth, {late:.0f} MiB at the end'
        faults = [] if late - early < _GROWTH else [f'memory: {told}']
        yield f'{args.photos:,} photos in one run', told, faults


@user_errors()
def main(argv: list[str] | None = None) -> int:
    """Print a table; return 1 if something went wrong, else 0."""
    args = make_parser().parse_args(argv)
    # In the background shells let programs ignore Ctrl-C, and theirs, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    wrong: list[str] = []
    print('| what | result | faults | s |\n| --- | --- | --- | --- |')
    with tempfile.TemporaryDirectory(prefix='reliability-') as folder:
        parts = [_others]
        parts += [_kills] * ('kills' in args.parts)
        parts += [_mutations] * ('mutations' in args.parts)
        for part in parts:
            start = time.monotonic()
            for name, result, faults in part(args, Path(folder)):
                seconds = time.monotonic() - start
                print(
                    f'| {name} | {result} | {len(faults)} | {seconds:.0f} |',
                    flush=True,
                )
                wrong += faults
                start = time.monotonic()
    print(*wrong, sep='\n')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
