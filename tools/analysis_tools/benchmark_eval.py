#!/usr/bin/env python3
"""Time the whole WIDER FACE evaluation against a plain transcription.

Both sides read the .mat files and one text file an image, and compute easy,
medium and hard. The transcription goes through detections, faces and
thresholds one by one, as the published MATLAB code does. Both run in one
process; times are processor times, of which the median counts. Memory is what
a process that does nothing else needs beyond what it started with.

Without PRED and --gt a set of the size of WIDER FACE val is made up: 3,226
images, about 40,000 faces. Numbers depend on the detections: compare ratios.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import scipy.io  # noqa: E402

from mmsrn.evaluation.protocols import eval_widerface  # noqa: E402
from mmsrn.evaluation.readers import (  # noqa: E402
    read_submission,
    read_wider_face_mat,
    write_submission,
)
from mmsrn.testing.face_eval_loops import (  # noqa: E402
    eval_by_loops,
    read_by_loops,
)
from mmsrn.utils.launch import fail, positive  # noqa: E402
from mmsrn.utils.output_file import write_json  # noqa: E402

NUM_EVENTS = 61
NUM_IMAGES = 3226
MEBIBYTE = 2**20


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'pred',
        nargs='?',
        metavar='PRED',
        help='folder of results: EVENT/IMAGE.txt (default: made up)',
    )
    parser.add_argument(
        '--gt', metavar='DIR', help='folder of the .mat files, with PRED'
    )
    parser.add_argument(
        '--detections',
        type=positive,
        default=50,
        metavar='N',
        help='of a made-up image, on the average (default: 50)',
    )
    parser.add_argument(
        '--images',
        type=positive,
        default=NUM_IMAGES,
        metavar='N',
        help=f'to make up (default: {NUM_IMAGES}, as in WIDER FACE val)',
    )
    parser.add_argument(
        '--iters',
        type=positive,
        default=5,
        help='evaluations by mmsrn (default: 5)',
    )
    parser.add_argument(
        '--loop-iters',
        type=positive,
        default=1,
        help='evaluations by the loops, a minute or more each (default: 1)',
    )
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='write the numbers to FILE'
    )
    return parser


def make_up(folder: Path, num_images: int, detections: int) -> None:
    """Write ground truth and results of a made-up set.

    Args:
        folder (Path): Gets ``gt`` and ``pred``.
        num_images (int): Images.
        detections (int): Mean number of detections of an image.
    """
    rng = np.random.default_rng(0)
    names: list[list[str]] = [[] for _ in range(NUM_EVENTS)]
    faces: list[list[np.ndarray]] = [[] for _ in range(NUM_EVENTS)]
    found = {}
    for i in range(num_images):
        event = i % NUM_EVENTS
        name = f'{event}_Made_Up_{i}'
        num = 1 + int(rng.exponential(11.3))
        sides = np.exp(rng.normal(3.0, 0.9, num))[:, None] * [1, 1.25]
        boxes = np.hstack([rng.uniform(0, 900, (num, 2)), sides + 4])
        names[event].append(name)
        faces[event].append(boxes.astype(np.int32))
        num_found = rng.poisson(detections)
        rows = boxes[rng.integers(num, size=num_found)]
        size = np.tile(rows[:, 2:], 2)
        rows = rows + rng.normal(0, 0.1, rows.shape) * size
        rows = np.hstack([rows, rng.beta(0.6, 1.2, (num_found, 1))])
        found[f'{event}--Made_Up/{name}'] = rows.round(3)
    write_submission(folder / 'pred.zip', found)
    with zipfile.ZipFile(folder / 'pred.zip') as archive:
        archive.extractall(folder / 'pred')
    (folder / 'gt').mkdir()
    content = dict(
        event_list=_cell([f'{x}--Made_Up' for x in range(NUM_EVENTS)]),
        file_list=_cell([_cell(x) for x in names]),
        face_bbx_list=_cell([_cell(x) for x in faces]),
    )
    scipy.io.savemat(folder / 'gt/wider_face_val.mat', content)
    for setting, least in (('easy', 40), ('medium', 25), ('hard', 8)):
        content['gt_list'] = _cell(
            [
                _cell([1.0 + np.flatnonzero(b[:, 3] > least) for b in x])
                for x in faces
            ]
        )
        scipy.io.savemat(folder / f'gt/wider_{setting}_val.mat', content)


def _cell(items: list) -> np.ndarray:
    """A column of cells."""
    column = np.empty((len(items), 1), object)
    for i, item in enumerate(items):
        column[i, 0] = item
    return column


def by_mmsrn(pred: str, gt: str) -> dict[str, float]:
    """Evaluate with what is measured.

    Args:
        pred (str): Folder of results.
        gt (str): Folder of the ``.mat`` files.

    Returns:
        dict[str, float]: AP by setting.
    """
    truth = read_wider_face_mat(gt)
    return eval_widerface(read_submission(pred, truth.names), truth).ap


def by_loops(pred: str, gt: str) -> dict[str, float]:
    """Evaluate with the transcription; same arguments and result."""
    truth = read_wider_face_mat(gt)
    predictions = []
    for name in truth.names:
        path = Path(pred, f'{name}.txt')
        empty = np.empty((0, 5))
        rows = read_by_loops(str(path)) if path.is_file() else empty
        predictions.append(rows)
    boxes = []
    for corners in truth.settings['hard'].faces:
        boxes.append(corners.copy())
        boxes[-1][:, 2:] -= corners[:, :2]
    ends = np.cumsum([len(x) for x in boxes])[:-1]
    indices = {
        name: [np.flatnonzero(x) for x in np.split(setting.counts, ends)]
        for name, setting in truth.settings.items()
    }
    return eval_by_loops(predictions, boxes, indices)


def cpu_seconds(run: Callable[[], dict]) -> tuple[float, dict]:
    """Measure the processor time of a call."""
    begin = time.process_time()
    result = run()
    return time.process_time() - begin, result


def peak_rise(run: Callable[[], dict]) -> int:
    """Measure the memory of a call in a process of its own.

    Args:
        run (Callable): The call.

    Returns:
        int: Bytes above what the process had at its start.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            start = _peak_bytes()
            run()
            os.write(writer, str(_peak_bytes() - start).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return int(text)


def _peak_bytes() -> int:
    # Of this process alone, unlike the peak that getrusage keeps over forks.
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) * 1024
    raise OSError('/proc/self/status has no VmHWM')


def measure(pred: str, gt: str, args: argparse.Namespace) -> dict:
    """Measure both sides.

    Args:
        pred (str): Folder of results.
        gt (str): Folder of the ``.mat`` files.
        args (argparse.Namespace): The command line.

    Returns:
        dict: Times, memory, and the ratios of the loops to mmsrn.

    Raises:
        ValueError: If the two sides do not agree.
    """
    sides = {
        'mmsrn': (lambda: by_mmsrn(pred, gt), args.iters),
        'loops': (lambda: by_loops(pred, gt), args.loop_iters),
    }
    rows, results = {}, {}
    # First of all: later this process has memory to use again.
    memory = {name: peak_rise(run) for name, (run, _) in sides.items()}
    for name, (run, iters) in sides.items():
        times = []
        for _ in range(iters):
            seconds, results[name] = cpu_seconds(run)
            times.append(seconds)
        rows[name] = dict(
            seconds=statistics.median(times),
            seconds_min=min(times),
            seconds_max=max(times),
            peak_bytes=memory[name],
        )
    for setting, ap in results['mmsrn'].items():
        if abs(ap - results['loops'][setting]) > 1e-12:
            raise ValueError(
                f'{setting}: {ap} by mmsrn, {results["loops"][setting]} by '
                'the loops'
            )
    return {
        'ap': results['mmsrn'],
        'sides': rows,
        'time_ratio': rows['loops']['seconds'] / rows['mmsrn']['seconds'],
        'memory_ratio': rows['loops']['peak_bytes']
        / rows['mmsrn']['peak_bytes'],
    }


def table(result: dict) -> str:
    """Format the numbers for the terminal."""
    lines = [f'{"":8} {"median CPU s":>12} {"(min-max)":>16} {"peak MiB":>9}']
    for name, row in result['sides'].items():
        spread = f'({row["seconds_min"]:.2f}-{row["seconds_max"]:.2f})'
        lines.append(
            f'{name:8} {row["seconds"]:12.2f} {spread:>16} '
            f'{row["peak_bytes"] / MEBIBYTE:9.0f}'
        )
    lines.append(
        f'loops / mmsrn: time {result["time_ratio"]:.0f}, memory '
        f'{result["memory_ratio"]:.2f}; both: '
        + ', '.join(f'{k} {v:.6f}' for k, v in result['ap'].items())
    )
    return '\n'.join(lines)


def main(argv: list[str] | None = None) -> None:
    """Measure and print.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    if (args.pred is None) != (args.gt is None):
        fail(parser, 'PRED and --gt belong together')
    if args.pred is not None and not Path(args.pred).is_dir():
        fail(parser, f'{args.pred}: no such folder; unpack a zip first')
    if args.pred is not None and not any(Path(args.pred).glob('*/*.txt')):
        fail(parser, f'{args.pred}: has no EVENT/IMAGE.txt, maybe below it')
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)
        pred, gt = args.pred, args.gt
        if pred is None:
            print('Making up a set ...', file=sys.stderr)
            make_up(Path(folder), args.images, args.detections)
            pred, gt = f'{folder}/pred', f'{folder}/gt'
        try:
            result = measure(pred, gt, args)
        except (OSError, ValueError) as error:
            fail(parser, str(error))
    print(table(result))
    write_json(parser, args.json, result)


if __name__ == '__main__':
    main()
