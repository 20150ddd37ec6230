"""Kill processes of bulk detections at random points, and go on.

The driver, which is the command itself, an actor, which detects, and a
worker, which reads, are killed with SIGKILL in turn. After a driver the same
command goes on; after the others the job goes on by itself. A job that ends
before all kills are done is followed by another one. Of each job the faces
must be those of one undisturbed process of mmsrn detect, each photo once.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.bulk.photos import faces, repeat, scale
from benchmarks.bulk.processes import TITLES, below, measure, start
from mmsrn.cli.arguments import positive, program_parser
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import write_json

KINDS = ('driver', 'actor', 'worker')
LOOK = 0.2  # seconds between two looks at the processes


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(
        __doc__, prog='python -m benchmarks.reliability.bulk'
    )
    parser.add_argument('photos', type=Path, help='folder of photos')
    parser.add_argument(
        '--number', type=positive, default=200, help='(default: 200)'
    )
    parser.add_argument(
        '--kills', type=positive, default=10, help='(default: 10)'
    )
    parser.add_argument(
        '--pause',
        type=float,
        default=30.0,
        help='seconds, most, that a job detects before the next kill '
        '(default: 30)',
    )
    parser.add_argument(
        '--scale', help='as of mmsrn detect (default: its own)'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the kills')
    parser.add_argument('--json', help='also write the numbers to this file')
    return parser


def disturb(job: subprocess.Popen, kind: str, pause: float) -> bool:
    """Kill a process of a job at a random point of it.

    Args:
        job (subprocess.Popen): The driver.
        kind (str): One of :data:`KINDS`.
        pause (float): Seconds, most, that it detects before.

    Returns:
        bool: Whether something was killed; else the job had ended.
    """
    role = 'actor' if kind == 'driver' else kind
    until = None
    while job.poll() is None:
        there = [
            pid
            for pid, title in below(job.pid).items()
            if title.startswith(TITLES[role])
        ]
        if there and until is None:
            # Workers read for moments only.
            wait = 0 if role == 'worker' else random.uniform(0, pause)
            until = time.monotonic() + wait
        if there and time.monotonic() >= until:
            if role != 'worker' or random.random() < 0.3:
                pid = job.pid if kind == 'driver' else random.choice(there)
                return _kill(pid)
        time.sleep(LOOK)
    return False


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def run(job: list, kills: list[str], pause: float) -> Counter:
    """Run a job to its end, disturbed as long as kills are left.

    Args:
        job (list): Arguments of the command.
        kills (list[str]): Kinds, which are taken from its front.
        pause (float): See :func:`disturb`.

    Returns:
        Counter: How many of each kind were killed.
    """
    hits: Counter = Counter()
    process = start(job)
    while True:
        if kills and disturb(process, kills[0], pause):
            kind = kills.pop(0)
            hits[kind] += 1
            print(f'killed {kind}', flush=True)
            if kind == 'driver':
                process.communicate()
                process = start(job)
            continue
        output, _ = process.communicate()
        if not process.returncode:
            return hits
        # On a busy machine Ray may not start in time.
        if 'Ray does not start' not in output:
            raise UserError(output.strip())
        hits['failed starts'] += 1
        process = start(job)


@user_errors('benchmarks.reliability.bulk')
def main(argv: list[str] | None = None) -> None:
    """Kill, compare and print."""
    args = make_parser().parse_args(argv)
    random.seed(args.seed)
    kills = [KINDS[i % len(KINDS)] for i in range(args.kills)]
    numbers = dict(photos=args.number, jobs=0, same=True, once=True)
    hits: Counter = Counter()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        repeat(work / 'photos', args.photos, args.number)
        common = [work / 'photos', *scale(args.scale), '--json']
        measure([*common, work / 'alone.json'])
        truth = faces(work / 'alone.json')
        while kills:
            out = work / f'faces{numbers["jobs"]}'
            ray = ['--ray', '--actors', 1, '--parquet', out]
            hits += run([*common, work / 'ray.json', *ray], kills, args.pause)
            paths = [
                path
                for part in out.glob('*.parquet')
                for path in pq.read_table(part)['path'].to_pylist()
            ]
            numbers['jobs'] += 1
            numbers['once'] &= len(set(paths)) == len(paths) == args.number
            numbers['same'] &= faces(work / 'ray.json') == truth
    numbers.update(hits)
    for key, value in numbers.items():
        print(f'{key}: {value}')
    write_json(args.json, numbers)


if __name__ == '__main__':
    main()
