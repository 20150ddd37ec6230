"""Command line shared by the evaluations of WIDER FACE and DARK FACE."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmsrn.cli.arguments import positive
from mmsrn.evaluation.box_formats import BoxFormat
from mmsrn.evaluation.protocols import FaceProtocol
from mmsrn.evaluation.protocols.extras import EXTRAS
from mmsrn.evaluation.readers import write_submission
from mmsrn.evaluation.report import csv_table, pr_figure, table
from mmsrn.evaluation.results import (
    NOT_GIVEN,
    Reading,
    Result,
    collected_warnings,
    evaluate_path,
    read_predictions,
)
from mmsrn.structures.face_set import FaceSet
from mmsrn.utils.errors import UserError
from mmsrn.utils.one_line import printable
from mmsrn.utils.output_file import (
    check_distinct,
    check_kept,
    output_file,
    write_json,
)


def add_arguments(parser: argparse.ArgumentParser, gt_help: str) -> None:
    """Add the arguments of both evaluations.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        gt_help (str): What ``--gt`` takes.
    """
    parser.add_argument(
        'preds',
        nargs='+',
        metavar='PRED',
        help='predictions: a folder or zip in the submission layout, a .pkl '
        'of tools/test.py --out, COCO results in a .json, or the folder of '
        'mmsrn detect --ray --parquet; several are compared with the first',
    )
    parser.add_argument('--gt', metavar='DIR', help=gt_help)
    parser.add_argument(
        '--names',
        nargs='+',
        metavar='NAME',
        help='names in tables and plots (default: the file names)',
    )
    parser.add_argument(
        '--protocol',
        nargs='+',
        metavar='TEXT',
        help='test protocol, such as "V: long side 640, single scale": one '
        'for all predictions or one for each (default: read from a .pkl)',
    )
    parser.add_argument(
        '--extras',
        nargs='+',
        default=[],
        choices=[*EXTRAS, 'all'],
        metavar='NAME',
        help='further analyses: '
        + '; '.join(f'{k}, {v}' for k, v in EXTRAS.items()).replace('%', '%%')
        + '; all',
    )
    parser.add_argument(
        '--num-worst',
        type=positive,
        default=20,
        metavar='N',
        help='number of images that --extras worst lists (default: 20)',
    )
    parser.add_argument(
        '--label',
        type=int,
        metavar='N',
        help='class of the faces: label in a .pkl, category_id in a .json '
        '(required if there are several classes)',
    )
    parser.add_argument(
        '--ann-file',
        metavar='FILE',
        help='COCO annotations, required for a .json with numeric image_id',
    )
    parser.add_argument(
        '--box-format',
        type=_box_format,
        metavar='FORMAT',
        help='box format, if it differs from that of the layout: xywh, xyxy '
        'or cxcywh (centre); score-xywh ... (score first); xywh-shares '
        '... (fractions of the image size); xywh-long640 ... (pixels of '
        'an image resized to a longer side of 640)',
    )
    parser.add_argument(
        '--images',
        metavar='FOLDER',
        help='folder of the images; required for -shares and -long formats',
    )
    parser.add_argument(
        '--strict',
        action='store_true',
        help='treat warnings as errors: missing or invalid files, scores '
        'that are NaN or all equal ...',
    )
    _add_outputs(parser)


def _box_format(text: str) -> BoxFormat:
    try:
        return BoxFormat.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--json',
        type=Path,
        metavar='FILE',
        help='write all numbers in full precision; several predictions '
        'become one object by name',
    )
    parser.add_argument(
        '--csv', type=Path, metavar='FILE', help='write the table'
    )
    parser.add_argument(
        '--plot',
        type=Path,
        metavar='FILE',
        help='draw precision-recall curves: .png, .pdf or .svg',
    )
    parser.add_argument(
        '--format-only',
        type=Path,
        metavar='ZIP',
        help='write the zip for the evaluation server instead of evaluating; '
        'a .pkl or .json needs no --gt',
    )


def run(
    args: argparse.Namespace,
    protocol: FaceProtocol,
) -> None:
    """Evaluate, print the table and write the files.

    Args:
        args (argparse.Namespace): The command line.
        protocol (FaceProtocol): Of the evaluation.
    """
    _check(args)
    try:
        truth = None if args.gt is None else protocol.read_truth(args.gt)
        if args.format_only is not None:
            _format(args, protocol, truth)
            return
        extras = tuple(EXTRAS) if 'all' in args.extras else tuple(args.extras)
        if 'all' in truth.settings and 'height' not in extras:
            extras = (*extras, 'height')  # one number says little
        results = []
        for path, name, tested in zip(
            args.preds, _names(args), _protocols(args)
        ):
            result = evaluate_path(
                path,
                name,
                truth,
                protocol,
                tested,
                extras,
                args.num_worst,
                _reading(args),
            )
            for text in result.warnings:
                _warn(args, f'{name}: {text}')
            results.append(result)
    except ValueError as error:
        raise UserError(str(error)) from error
    known = {x.tested for x in results} - {NOT_GIVEN}
    if len(known) > 1:
        _warn(
            args,
            'the test protocols differ, so the numbers cannot be compared',
        )
    _write(args, results)  # whoever reads the table may go away
    print(table(truth, results))
    if args.plot is not None:
        print(f'\nCurves: {args.plot}')


def _warn(args: argparse.Namespace, text: str) -> None:
    print(f'{args.program}: warning: {printable(text)}', file=sys.stderr)


def _reading(args: argparse.Namespace) -> Reading:
    return Reading(
        args.label, args.ann_file, args.strict, args.box_format, args.images
    )


def _check(args: argparse.Namespace) -> None:
    check_distinct(json=args.json, csv=args.csv, plot=args.plot)
    check_kept(
        [*args.preds, args.gt, args.ann_file],
        json=args.json,
        csv=args.csv,
        plot=args.plot,
        format_only=args.format_only,
    )
    if args.gt is None and args.format_only is None:
        raise UserError('--gt DIR is required: the folder of the ground truth')
    if args.names is not None and len(args.names) != len(args.preds):
        raise UserError(
            f'--names: {len(args.names)} names for {len(args.preds)} results'
        )
    if args.names is not None and len(set(args.names)) < len(args.names):
        raise UserError('--names: two results have the same name')
    if args.protocol and len(args.protocol) not in (1, len(args.preds)):
        raise UserError(
            f'--protocol: {len(args.protocol)} protocols for '
            f'{len(args.preds)} results; give one for all or one for each'
        )
    if args.format_only is not None and len(args.preds) > 1:
        raise UserError('--format-only takes one PRED')
    if args.format_only is not None and args.format_only.suffix != '.zip':
        raise UserError(f'--format-only {args.format_only}: must end in .zip')
    if args.plot is not None and args.plot.suffix.lower() not in (
        '.png',
        '.pdf',
        '.svg',
    ):
        raise UserError(f'--plot {args.plot}: must end in .png, .pdf or .svg')
    if args.images is not None and not Path(args.images).is_dir():
        raise UserError(f'--images {args.images}: no such folder')
    for path in args.preds:
        if not Path(path).exists():
            raise UserError(f'{path}: no such file or folder')


def _names(args: argparse.Namespace) -> list[str]:
    """Short names of the results, if those tell them apart."""
    if args.names is not None:
        return args.names
    paths = [os.path.abspath(path) for path in args.preds]
    names = [
        Path(x).stem if Path(x).is_file() else Path(x).name for x in paths
    ]
    return names if len(set(names)) == len(names) else paths


def _protocols(args: argparse.Namespace) -> list[str | None]:
    given = args.protocol or [None]
    return given * len(args.preds) if len(given) == 1 else given


def _format(
    args: argparse.Namespace,
    protocol: FaceProtocol,
    truth: FaceSet | None,
) -> None:
    names = None if truth is None else truth.names
    (path,) = args.preds
    with collected_warnings() as texts:
        found = read_predictions(path, names, protocol, _reading(args))
    missing = [x for x in names or () if x not in found]
    if missing:
        texts.append(
            f'{len(missing):,} of {len(names):,} images have no predictions '
            f'(first: {missing[0]}) and get no file'
        )
    if texts and args.strict:
        raise ValueError(f'{path}: {texts[0]}')
    for text in texts:
        _warn(args, text)
    try:
        write_submission(args.format_only, found, protocol.header)
    except OSError as error:
        raise UserError(
            f'{args.format_only}: cannot be written: {error}'
        ) from error
    num = sum(map(len, found.values()))
    print(
        f'{args.format_only}: {num:,} detections in {len(found):,} images, '
        'ready to send'
    )


def _write(
    args: argparse.Namespace,
    results: list[Result],
) -> None:
    content = {x.name: x.as_json() for x in results}
    if len(results) == 1:
        content = results[0].as_json()
    write_json(args.json, content)
    if args.csv is not None:
        with output_file(args.csv) as partial:
            partial.write_text(csv_table(results), encoding='utf-8')
    if args.plot is not None:
        try:
            figure = pr_figure(results)
        except ImportError as error:
            raise UserError(
                f'--plot needs matplotlib and OpenCV: {error}'
            ) from error
        with output_file(args.plot) as partial:
            figure.savefig(partial, dpi=110)
