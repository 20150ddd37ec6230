"""The WIDER FACE evaluation as images multiply: time and memory.

Draws faces and detections of so many images, twelve faces an image as in
WIDER FACE val, writes them as annotations and as results, and evaluates each
set in a process of its own. Results are a text file for each image, as the
server takes them, or the Parquet files of mmsrn detect --ray. Seconds are of
the CPU, so that other programs do not count.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.bulk.processes import memory_of
from benchmarks.markdown import markdown
from mmsrn.cli.arguments import positive, program_parser
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import write_json

FACES, OTHERS = 12, 4  # of an image: faces, of which all are found, and more
EVENT = 1000  # images of an event
STAGES = ('ground truth', 'results', 'matching')
LAYOUTS = ('text', 'parquet')


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(
        __doc__, prog='python -m benchmarks.evaluation_growth'
    )
    parser.add_argument(
        'numbers',
        nargs='*',
        type=positive,
        default=[3226, 10_000, 100_000, 1_000_000],
        help='of images (default: 3226 10000 100000 1000000)',
    )
    parser.add_argument('--json', help='also write the numbers to this file')
    parser.add_argument(
        '--evaluate', nargs=2, metavar='FILE', help=argparse.SUPPRESS
    )
    return parser


class Images(NamedTuple):
    """Drawn images of one event, boxes as x y w h.

    Attributes:
        names (list[str]): ``event/image``.
        faces (np.ndarray): (n, FACES, 4) int.
        found (np.ndarray): (n, FACES + OTHERS, 5) float32, with scores.
    """

    names: list[str]
    faces: np.ndarray
    found: np.ndarray


def draw(number: int) -> Iterator[Images]:
    """Draw images, event after event."""
    rng = np.random.default_rng(0)
    for first in range(0, number, EVENT):
        shape = min(EVENT, number - first), FACES + OTHERS, 2
        boxes = np.concatenate(
            [rng.integers(0, 900, shape), rng.integers(8, 120, shape)], 2
        )
        moved = boxes + rng.normal(0, 2, boxes.shape)
        scores = rng.uniform(0.01, 1, (*shape[:2], 1))
        found = np.concatenate([moved, scores], 2).astype(np.float32)
        event = f'{first // EVENT}--Event'
        names = [f'{event}/{first + i:07d}' for i in range(shape[0])]
        yield Images(names, boxes[:, :FACES], found)


def write_set(folder: Path, number: int, layout: str) -> None:
    """Write ``truth.txt`` and ``results``."""
    results = folder / 'results'
    results.mkdir()
    with open(folder / 'truth.txt', 'w') as truth:
        for images in draw(number):
            for name, faces in zip(images.names, images.faces.tolist()):
                lines = [
                    f'{x} {y} {w} {h} 0 0 0 0 0 0' for x, y, w, h in faces
                ]
                truth.write('\n'.join([f'{name}.jpg', str(FACES), *lines, '']))
            if layout == 'parquet':
                write_part(results, images)
            else:
                write_texts(results, images)


def write_texts(folder: Path, images: Images) -> None:
    """Write the detections of each image as the server takes them."""
    (folder / images.names[0]).parent.mkdir()
    for name, found in zip(images.names, images.found.tolist()):
        lines = [
            f'{x:.2f} {y:.2f} {w:.2f} {h:.2f} {score:.6f}'
            for x, y, w, h, score in found
        ]
        path = folder / f'{name}.txt'
        path.write_text('\n'.join([path.stem, str(len(found)), *lines, '']))


def write_part(folder: Path, images: Images) -> None:
    """Write the detections as ``mmsrn detect --ray`` does."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    corners = images.found[..., :4].copy()
    corners[..., 2:] += corners[..., :2]
    floats = pa.list_(pa.float32())
    table = dict(
        path=[f'photos/{x}.jpg' for x in images.names],
        boxes=pa.array(corners.tolist(), pa.list_(floats)),
        scores=pa.array(images.found[..., 4].tolist(), floats),
        error=pa.nulls(len(images.names), pa.string()),
    )
    event = images.names[0].partition('--')[0]
    pq.write_table(pa.table(table), folder / f'part-0-{event}.parquet')


def evaluate(results: str, annotations: str) -> dict:
    """Evaluate in this process: seconds of each stage, and most memory."""
    from mmsrn.evaluation.protocols import WIDER_FACE
    from mmsrn.evaluation.results import read_predictions

    times = [time.process_time()]
    truth = WIDER_FACE.read_truth(annotations)
    times.append(time.process_time())
    found = read_predictions(results, truth.names, WIDER_FACE)
    times.append(time.process_time())
    evaluation = WIDER_FACE.evaluate(found, truth)
    times.append(time.process_time())
    return dict(
        ap=evaluation.ap['all'],
        seconds=dict(zip(STAGES, np.diff(times).tolist())),
        # Not that of its parent, as getrusage has it.
        mib=memory_of('self', 'VmHWM'),
    )


def measure(number: int, layout: str) -> dict:
    """Draw a set, and evaluate it in another process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_set(folder, number, layout)
        done = subprocess.run(
            [sys.executable, '-m', 'benchmarks.evaluation_growth']
            + ['--evaluate', folder / 'results', folder / 'truth.txt'],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise UserError(done.stderr.strip())
    return dict(json.loads(done.stdout), images=number, layout=layout)


@user_errors('benchmarks.evaluation_growth')
def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    args = make_parser().parse_args(argv)
    if args.evaluate:
        print(json.dumps(evaluate(*args.evaluate)))
        return
    rows = []
    for number in args.numbers:
        for layout in LAYOUTS:
            rows.append(measure(number, layout))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
            write_json(args.json, rows)
    cells = []
    for row in rows:
        total = sum(row['seconds'].values())
        cells.append(
            (
                row['layout'],
                f'{row["images"]:,}',
                *(f'{row["seconds"][x]:.1f}' for x in STAGES),
                f'{total:.1f}',
                f'{row["mib"]:,.0f}',
            )
        )
    head = ('results', 'images', *STAGES, 's', 'MiB')
    print(markdown(head, cells))


if __name__ == '__main__':
    main()
