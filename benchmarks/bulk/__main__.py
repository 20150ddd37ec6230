"""Compare detection on Ray with one process, and kill it at random points.

The photos of a folder are repeated until there are enough, as links. Each way
is a whole command, from its start to its json; results are compared but for
the seconds in them. After each kill -9, of the command or of the processes of
its actors and tasks in turn, the same command goes on; at the end the results
must be those of the undisturbed run, each photo once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.progress import track

from mmsrn.apis import find_photos
from mmsrn.cli.arguments import positive
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import write_json

DETECT = (sys.executable, '-m', 'mmsrn', 'detect', '--backend', 'onnx')


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.bulk',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
        '--kills', type=int, default=0, help='of each kind (default: 0)'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the kills')
    parser.add_argument('--json', help='also write the numbers to this file')
    return parser


def repeat(folder: Path, source: Path, number: int) -> None:
    """Fill a folder with links to photos."""
    found = find_photos(source.absolute())
    folder.mkdir()
    for i in range(number):
        photo = Path(found[i % len(found)].content)
        (folder / f'{i:06d}{photo.suffix}').symlink_to(photo)


def run(arguments: list, threads: int | None = None) -> float:
    """Run a command and return its seconds."""
    environment = dict(os.environ)
    if threads:
        environment['OMP_NUM_THREADS'] = str(threads)
    start = time.perf_counter()
    done = subprocess.run(
        [*DETECT, *map(str, arguments)], env=environment, capture_output=True
    )
    if done.returncode:
        raise UserError(done.stderr.decode(errors='replace').strip())
    return time.perf_counter() - start


def faces(path: Path) -> list[dict]:
    """Read a json without what differs from run to run."""
    rows = json.loads(path.read_text())
    for row in rows:
        del row['timing']
    return rows


def ray_processes() -> list[int]:
    """Processes of actors and tasks on this machine."""
    found = []
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            command = (folder / 'cmdline').read_bytes()
        except OSError:  # has ended
            continue
        if command.startswith(b'ray::Map'):
            found.append(int(folder.name))
    return found


def disturb(arguments: list, kind: str, after: float) -> bool:
    """Start a command, kill something after a while; whether it had not ended.

    Args:
        arguments (list): Of the command.
        kind (str): ``'command'`` or ``'actors'``.
        after (float): Seconds.

    Returns:
        bool: Whether there was something to kill.
    """
    process = subprocess.Popen(
        [*DETECT, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(after)
        return False
    except subprocess.TimeoutExpired:
        pass
    if kind == 'command':
        process.kill()
        process.wait()
        return True
    targets = ray_processes()
    for pid in targets:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    return bool(targets)


def drill(arguments: list, out: Path, kills: int, seconds: float) -> dict:
    """Kill and go on until the job is done."""
    hits = dict(command=0, actors=0)
    kinds = ['command', 'actors'] * kills
    for kind in track(kinds, 'Kills'):
        # Not before Ray runs, and not after the end.
        after = random.uniform(0.4, 0.95) * seconds / (1 + kills / 2)
        hits[kind] += disturb([*arguments, '--json', out], kind, after)
    run([*arguments, '--json', out])
    return hits


@user_errors('benchmarks.bulk')
def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    args = make_parser().parse_args(argv)
    random.seed(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        repeat(work / 'photos', args.photos, args.number)
        ray = [work / 'photos', '--ray', '--actors', args.actors, '--parquet']
        print(f'{args.number} photos', flush=True)
        numbers = dict(photos=args.number, actors=args.actors)
        alone = [work / 'photos', '--json', work / 'alone.json']
        numbers['one_thread'] = run(alone, threads=1)
        numbers['one_process'] = run(alone)
        numbers['ray'] = run(
            [*ray, work / 'faces', '--json', work / 'ray.json']
        )
        truth = faces(work / 'alone.json')
        numbers['same'] = faces(work / 'ray.json') == truth
        if args.kills:
            numbers['kills'] = drill(
                [*ray, work / 'killed'],
                work / 'killed.json',
                args.kills,
                numbers['ray'],
            )
            numbers['same_after_kills'] = faces(work / 'killed.json') == truth
    for name, value in numbers.items():
        print(f'{name}: {value}')
    for name in ('one_thread', 'one_process'):
        ratio = numbers['ray'] / numbers[name]
        print(f'ray / {name}: {ratio:.2f}')
    write_json(args.json, numbers)


if __name__ == '__main__':
    main()
