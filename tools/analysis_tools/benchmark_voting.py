#!/usr/bin/env python3
"""Compare box voting with the loop that was published with SRN.

Both vote on the same detections, in turns and in one process; times are
medians of processor time. The loop (tests/oracles/voting_loop.py) does the
published operations in the published order. Sets of detections:

passes   faces found by one to six passes of a multi-scale test each
random   boxes of random place, width and height
single   faces found once each, so that nothing overlaps on purpose
crowded  every face found 25 times: few rounds for the loop
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from rich.progress import Progress  # noqa: E402

from mmsrn.cli.arguments import positive  # noqa: E402
from mmsrn.structures import bbox_voting  # noqa: E402
from mmsrn.utils.errors import UserError, user_errors  # noqa: E402
from mmsrn.utils.output_file import write_json  # noqa: E402
from tests.oracles.voting_loop import bbox_voting_loop  # noqa: E402

SIDES = (8, 200)  # pixels, of faces
IMAGE = 2000  # pixels, of both sides


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--boxes',
        type=positive,
        default=20_000,
        help='detections of each set (default: 20000)',
    )
    parser.add_argument(
        '--vote-iou',
        type=float,
        default=0.5,
        help='IoU to belong to a cluster (default: 0.5, as published)',
    )
    parser.add_argument(
        '--iters',
        type=positive,
        default=5,
        help='timed runs of each (default: 5)',
    )
    parser.add_argument(
        '--min-ratio',
        type=float,
        metavar='R',
        help='exit status 1 if the voting is less than R times as fast as '
        'the loop on the set "passes"',
    )
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='write the numbers to FILE'
    )
    return parser


def faces(
    rng: np.random.Generator, times: np.ndarray, jitter: float
) -> np.ndarray:
    """Detections of faces at random places.

    Args:
        rng (np.random.Generator): Source of randomness.
        times (np.ndarray): How often each face is found, int.
        jitter (float): Standard deviation of the corners over the width.

    Returns:
        np.ndarray: x1, y1, x2, y2 in pixels and score, (sum of times, 5).
    """
    num = len(times)
    width = np.exp(rng.uniform(*np.log(SIDES), num))
    start = rng.uniform(0, IMAGE, (num, 2))
    ends = start + width[:, None] * [1, 1.25]
    boxes = np.column_stack((start, ends)).repeat(times, axis=0)
    boxes += rng.normal(0, jitter, boxes.shape) * width.repeat(times)[:, None]
    return np.column_stack((boxes, rng.uniform(0, 1, len(boxes))))


def make_sets(num: int) -> dict[str, np.ndarray]:
    """Draw the sets of detections.

    Args:
        num (int): Detections of each.

    Returns:
        dict[str, np.ndarray]: (num, 5) by name.
    """
    rng = np.random.default_rng(0)
    start = rng.uniform(0, IMAGE, (num, 2))
    sides = rng.uniform(*SIDES, (num, 2))
    return {
        'passes': faces(rng, rng.integers(1, 7, num), 0.06)[:num],
        'random': np.column_stack(
            (start, start + sides, rng.uniform(0, 1, num))
        ),
        'single': faces(rng, np.ones(num, int), 0.0),
        'crowded': faces(rng, np.full(num // 25 + 1, 25), 0.06)[:num],
    }


def seconds(function: Callable, *args) -> float:
    """Processor time of one call, which other programs do not change."""
    begin = time.process_time()
    function(*args)
    return time.process_time() - begin


def measure(args: argparse.Namespace) -> dict:
    """Measure both on all sets.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        dict: Setting, and numbers by set.

    Raises:
        ValueError: If both do not give the same boxes.
    """
    result = {'boxes': args.boxes, 'vote_iou': args.vote_iou}
    result |= {'numpy': np.__version__, 'sets': {}}
    sets = make_sets(args.boxes)
    with Progress(disable=not sys.stdout.isatty()) as progress:
        task = progress.add_task('Voting', total=len(sets) * args.iters)
        for name, dets in sets.items():
            fast, slow = [], []
            for _ in range(args.iters):
                fast.append(seconds(bbox_voting, dets, args.vote_iou))
                slow.append(seconds(bbox_voting_loop, dets, args.vote_iou))
                progress.advance(task)
            voted = bbox_voting(dets, args.vote_iou)
            expected = bbox_voting_loop(dets, args.vote_iou)
            if voted.shape != expected.shape or not np.allclose(
                voted, expected, rtol=1e-9
            ):
                raise ValueError(f'{name}: the voting differs from the loop')
            times = statistics.median(fast), statistics.median(slow)
            result['sets'][name] = {
                'voted': len(voted),
                'seconds': times[0],
                'loop_seconds': times[1],
                'ratio': times[1] / times[0],
            }
    return result


def table(result: dict) -> str:
    """Format the numbers for the terminal."""
    lines = [
        '{boxes} detections, IoU {vote_iou}, numpy {numpy}'.format(**result),
        f'{"":10} {"voted":>6} {"loop ms":>9} {"voting ms":>9} {"ratio":>6}',
    ]
    lines += [
        f'{name:10} {row["voted"]:6} {row["loop_seconds"] * 1e3:9.1f} '
        f'{row["seconds"] * 1e3:9.1f} {row["ratio"]:6.1f}'
        for name, row in result['sets'].items()
    ]
    return '\n'.join(lines)


@user_errors()
def main(argv: list[str] | None = None) -> int:
    """Measure and print.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.

    Returns:
        int: 1 if the ratio is below ``--min-ratio``, else 0.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    if not 0 < args.vote_iou <= 1:
        raise UserError(f'--vote-iou {args.vote_iou}: is not in (0, 1]')
    try:
        result = measure(args)
    except ValueError as error:
        raise UserError(str(error)) from error
    print(table(result))
    write_json(args.json, result)
    ratio = result['sets']['passes']['ratio']
    if args.min_ratio is not None and ratio < args.min_ratio:
        print(f'Less than {args.min_ratio} times as fast.', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
