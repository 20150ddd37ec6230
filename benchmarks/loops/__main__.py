"""Time what mmsrn does fast against the slow way it was published in.

voting       box voting against the published loop, on four sets: faces found
             by one to six passes of a multi-scale test each (passes), boxes
             of random place and size (random), faces found once each, so that
             nothing overlaps on purpose (single), and 25 times each (crowded)
evaluation   the whole WIDER FACE evaluation, files included, against a
             transcription of the published code, which goes through
             detections, faces and thresholds one by one
enhancement  MSRCR, in all forms, with its fast surround against
             cv2.GaussianBlur on doubles, which the usual ports call

Both sides run in turns in one process; times are medians. Their results are
compared, too.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.markdown import markdown
from mmsrn.cli.arguments import positive, program_parser
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import write_json

NUM_BOXES = 20_000  # detections of each set for the voting
SIDES = (8, 200)  # pixels, of faces
IMAGE = 2000  # pixels, of both sides
VOTE_IOU = 0.5  # as published
FORMS = ('jobson', 'minmax', 'gimp')


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__, prog='python -m benchmarks.loops')
    parser.add_argument('what', choices=MEASUREMENTS)
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
    parser.add_argument('--json', help='also write the numbers to this file')
    return parser


def compare(
    fast: Callable[[], Any],
    slow: Callable[[], Any],
    iters: int,
    clock: Callable[[], float],
) -> tuple[dict[str, float], Any, Any]:
    """Time two functions that do the same.

    Args:
        fast (Callable): The one.
        slow (Callable): The other.
        iters (int): Timed calls of each.
        clock (Callable): Seconds, of which differences count:
            ``time.process_time``, which other programs do not change, unless
            threads are to count once.

    Returns:
        tuple[dict, Any, Any]: Medians, ``seconds`` and ``slow_seconds``, and
        their ``ratio``; the last results of both.
    """
    times: tuple[list[float], list[float]] = [], []
    results: list[Any] = [None, None]
    for _ in range(iters):
        for j, function in enumerate((fast, slow)):
            begin = clock()
            results[j] = function()
            times[j].append(clock() - begin)
    seconds, slow_seconds = map(statistics.median, times)
    row = dict(
        seconds=seconds,
        slow_seconds=slow_seconds,
        ratio=slow_seconds / seconds,
    )
    return row, *results


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
    """Draw sets of so many detections, (num, 5) each, by name."""
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


def voting(args: argparse.Namespace) -> dict[str, dict]:
    """Measure box voting on all sets."""
    from mmsrn.structures import bbox_voting
    from tests.oracles.voting_loop import bbox_voting_loop

    rows = {}
    for name, dets in make_sets(NUM_BOXES).items():
        row, voted, expected = compare(
            lambda dets=dets: bbox_voting(dets, VOTE_IOU),
            lambda dets=dets: bbox_voting_loop(dets, VOTE_IOU),
            args.iters,
            time.process_time,
        )
        if voted.shape != expected.shape or not np.allclose(
            voted, expected, rtol=1e-9
        ):
            raise UserError(f'{name}: the voting differs from the loop')
        rows[name] = dict(row, note=f'{len(dets)} boxes, {len(voted)} left')
    return rows


def eval_by_transcription(pred: Path, gt: Path) -> dict[str, float]:
    """AP by setting, as the published code computes it."""
    from mmsrn.evaluation.readers import read_wider_face_mat
    from tests.oracles.face_eval_loops import eval_by_loops, read_by_loops

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


def evaluation(args: argparse.Namespace) -> dict[str, dict]:
    """Measure the evaluation of WIDER FACE, from files to AP."""
    from mmsrn.evaluation.protocols import eval_widerface
    from mmsrn.evaluation.readers import read_submission, read_wider_face_mat

    if len(args.inputs) != 2:
        raise UserError('evaluation: name results and ground truth')
    pred, gt = args.inputs
    if not any(pred.glob('*/*.txt')):
        raise UserError(
            f'{pred}: is no folder with EVENT/IMAGE.txt; unpack a zip first'
        )

    def by_mmsrn() -> dict[str, float]:
        truth = read_wider_face_mat(gt)
        return eval_widerface(read_submission(pred, truth.names), truth).ap

    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)
        row, found, expected = compare(
            by_mmsrn,
            lambda: eval_by_transcription(pred, gt),
            args.iters,
            time.process_time,
        )
    for setting, ap in found.items():
        if abs(ap - expected[setting]) > 1e-12:
            raise UserError(
                f'{setting}: {ap} by mmsrn, {expected[setting]} by the loops'
            )
    note = ', '.join(f'{k} {v:.6f}' for k, v in found.items())
    return {'evaluation': dict(row, note=note, ap=found)}


def enhancement(args: argparse.Namespace) -> dict[str, dict]:
    """Measure MSRCR in all forms, on one thread of OpenCV."""
    import cv2

    from mmsrn.apis.photos import read_photo
    from mmsrn.enhance import msrcr

    if not args.inputs:
        raise UserError('enhancement: name photos')
    cv2.setNumThreads(1)
    rows = {}
    for path in args.inputs:
        image = read_photo(path, str(path))
        for form in FORMS:
            row, found, expected = compare(
                lambda image=image, form=form: msrcr(image, form),
                lambda image=image, form=form: msrcr(
                    image, form, blur='exact'
                ),
                args.iters,
                time.perf_counter,
            )
            psnr = cv2.PSNR(found, expected)
            note = f'{image.shape[1]} x {image.shape[0]}, PSNR {psnr:.1f} dB'
            rows[f'{path.name}, {form}'] = dict(row, note=note, psnr=psnr)
    return rows


MEASUREMENTS = dict(
    voting=voting, evaluation=evaluation, enhancement=enhancement
)


@user_errors('benchmarks.loops')
def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    args = make_parser().parse_args(argv)
    try:
        rows = MEASUREMENTS[args.what](args)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    cells = [
        [
            name,
            f'{row["slow_seconds"] * 1e3:.1f}',
            f'{row["seconds"] * 1e3:.1f}',
            f'{row["ratio"]:.1f}',
            row['note'],
        ]
        for name, row in rows.items()
    ]
    print(markdown(['', 'slow ms', 'fast ms', 'ratio', ''], cells))
    write_json(args.json, rows)


if __name__ == '__main__':
    main()
