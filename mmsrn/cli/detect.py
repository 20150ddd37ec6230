"""``mmsrn detect``: faces in photos, videos and pictures of a camera."""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from mmsrn.apis import FaceDetector
from mmsrn.enhance import METHODS
from mmsrn.utils.atomic_file import remove_partial
from mmsrn.utils.errors import UserError
from mmsrn.utils.one_line import printable
from mmsrn.utils.opencv_log import set_log_level
from mmsrn.utils.output_file import (
    check_distinct,
    check_kept,
    check_output,
    check_writable,
)

from .arguments import positive
from .bulk import add_bulk_options, run_bulk
from .detection import Detection
from .model_options import add_model_options, detector_settings, fail_with
from .outputs import STDOUT, OutputError, add_file_options, text_file
from .sources import Source, find_sources

__all__ = ['add_arguments', 'run']

_EXAMPLES = """
examples:
  %(prog)s photo.jpg other.png            print a line for each photo
  %(prog)s photos/ --out drawn            save pictures with boxes
  %(prog)s 'photos/**/*.jpg' --json faces.json --csv faces.csv
  %(prog)s WIDER_val/images --wider results --score-thr 0.02 --scale original
  %(prog)s night/ --enhance auto --scale 640,1280 --out drawn
  %(prog)s clip.mp4 --out drawn --json faces.json --batch-size 8
  %(prog)s 0 --frames 100 --out drawn     the first camera
  %(prog)s rtsp://10.0.0.7/stream --csv faces.csv
  %(prog)s photo.jpg --json - | jq '.[].faces'
  %(prog)s archive/ --ray --parquet faces   use all cores
"""
_DESCRIPTION = """\
Find faces. Without --out, --json, --csv or --wider, print a line for each
photo or frame. The command skips files that it cannot read, lists them at the
end and returns exit status 1. Output files appear when they are complete:
Ctrl-C leaves no partial files and keeps only the results of a camera.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Set the parser up.

    Args:
        parser (argparse.ArgumentParser): The parser of the command.
    """
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        'sources',
        nargs='+',
        metavar='SOURCE',
        help='photo; folder with its subfolders; pattern in quotes; video; '
        'number of a camera, such as 0; address of a video or camera '
        '(rtsp://, http://)',
    )
    _add_outputs(parser.add_argument_group('output'))
    _add_settings(parser.add_argument_group('detection'))
    add_model_options(parser)
    add_bulk_options(parser)


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--out',
        type=Path,
        metavar='DIR',
        help='save photos with boxes in their own format, and videos as .mp4 '
        'without sound',
    )
    add_file_options(group)
    group.add_argument(
        '--frames',
        type=positive,
        metavar='N',
        help='stop after N frames of a video or camera (default: no limit)',
    )


def _add_settings(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--score-thr',
        type=float,
        metavar='S',
        help='lowest score to report, 0 to 1 (default: set by the model)',
    )
    group.add_argument(
        '--min-size',
        type=float,
        default=0,
        metavar='PX',
        help='smallest face to report: square root of its area in pixels '
        '(default: 0)',
    )
    group.add_argument(
        '--max-size',
        type=float,
        metavar='PX',
        help='largest face to report (default: no limit)',
    )
    group.add_argument(
        '--scale',
        type=_scale,
        metavar='PX',
        help='length to which the longer side is resized; original; or '
        'several with commas, such as 640,1280, whose faces are merged '
        '(default: set by the model)',
    )
    group.add_argument(
        '--enhance',
        choices=('none', 'auto', *METHODS),
        default='none',
        metavar='METHOD',
        help='brighten photos first: none, auto (only dark photos), '
        f'{", ".join(METHODS)} (default: none)',
    )
    group.add_argument(
        '--tile',
        type=_tile,
        default='auto',
        metavar='PX',
        help='process larger photos in tiles of this side, to save memory; '
        'auto is 2048; none never tiles (default: auto)',
    )
    group.add_argument(
        '--batch-size',
        type=positive,
        default=1,
        metavar='N',
        help='photos or frames per batch (default: 1)',
    )
    group.add_argument(
        '--max-faces',
        type=positive,
        metavar='N',
        help='most faces to report per photo or tile (default: set by the '
        'model, usually 750)',
    )
    group.add_argument(
        '--strict',
        action='store_true',
        help='skip JPEG files whose end is missing (default: read the rest '
        'and print a note)',
    )
    group.add_argument(
        '--precision',
        choices=('float32', 'bfloat16', 'float16'),
        default='float32',
        help='precision of the network, with torch (default: float32)',
    )


def _scale(text: str) -> int | str | list[int | str]:
    scales: list[int | str] = []
    for part in text.split(','):
        if part != 'original' and not part.isdecimal():
            raise argparse.ArgumentTypeError(
                f'expected pixels, original, or several with commas, not '
                f'{text!r}'
            )
        scales.append(part if part == 'original' else int(part))
    return scales[0] if len(scales) == 1 else scales


def _tile(text: str) -> int | str | None:
    if text in ('auto', 'none'):
        return None if text == 'none' else text
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(
            f'expected pixels, auto or none, not {text!r}'
        )
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Detect.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        int: 1 if a source could not be used, else 0.
    """
    if args.ray is not None:
        return run_bulk(args)
    # The errors below say in one line what OpenCV logs in several.
    set_log_level(0)
    folders = [x for x in (args.out, args.wider) if x is not None]
    sources, problems, notes = find_sources(args.sources, folders)
    _check_outputs(args, sources)
    if sources:
        try:
            detection = Detection(args, _make_detector(args))
            detection.run(sources)
        except OutputError as error:
            raise UserError(str(error)) from error
        problems += detection.problems
        notes += detection.notes
    for note in notes:
        print(f'{args.program}: {printable(note)}', file=sys.stderr)
    if problems:
        print(
            f'{args.program}: {len(problems)} '
            f'{"source" if len(problems) == 1 else "sources"} could not be '
            'read, or only in part:',
            *(f'  {printable(x)}' for x in problems),
            sep='\n',
            file=sys.stderr,
        )
    return 1 if problems else 0


def _check_outputs(
    args: argparse.Namespace,
    sources: Sequence[Source],
) -> None:
    """End before the model is loaded if results could not be written."""
    for option, folder in (('--out', args.out), ('--wider', args.wider)):
        if folder is not None:
            check_writable(folder, f'{option} {folder}')
    targets = {}
    if args.out is not None:
        targets = {os.path.realpath(args.out / x.picture) for x in sources}
        if len(targets) < len(sources):
            raise UserError('--out: two pictures would have the same name')
    if args.json == args.csv == STDOUT:
        raise UserError(
            '--json - and --csv - both print to stdout; choose one'
        )
    check_distinct(json=args.json, csv=args.csv)
    check_kept([args.model, args.config], json=args.json, csv=args.csv)
    for option, file in (('--json', args.json), ('--csv', args.csv)):
        if file in (None, STDOUT):
            continue
        check_output(file, f'{option} {file}')
        if os.path.realpath(file) in targets:
            raise UserError(
                f'{option} {file}: a picture of --out has this name'
            )
        targets = {*targets, os.path.realpath(file)}
    for source in sources:
        if os.path.realpath(str(source.content)) in targets:
            raise UserError(
                f'{source.content}: a result would overwrite this source; '
                'name another output file or folder'
            )
    _remove_unfinished(args, sources)


def _remove_unfinished(
    args: argparse.Namespace, sources: Sequence[Source]
) -> None:
    """Remove what a killed run left of the files to be written."""
    files = [Path(x) for x in (args.json, args.csv) if x not in (None, STDOUT)]
    if args.out is not None:
        files += [args.out / x.picture for x in sources]
    if args.wider is not None:
        files += [args.wider / text_file(x.text) for x in sources]
        for source in sources:
            if source.kind != 'photo':
                remove_partial(args.wider / source.text)
    names = defaultdict(set)
    for file in files:
        names[file.parent].add(file.name)
    for folder, own in names.items():
        remove_partial(folder, own)


def _make_detector(args: argparse.Namespace) -> FaceDetector:
    try:
        return FaceDetector(args.model, args.config, **detector_settings(args))
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        fail_with(error)
