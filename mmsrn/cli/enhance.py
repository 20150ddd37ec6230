"""``mmsrn enhance``: all images of a dark set, brightened."""

from __future__ import annotations

import argparse
from functools import partial

import cv2

from mmsrn.enhance import (
    complete,
    enhance_named,
    make_enhancer,
    parse_params,
)
from mmsrn.utils.errors import UserError

from .folder_copy import COPY, add_workers, make_copy
from .folder_copy import add_arguments as add_folders

_EXAMPLES = """
examples:
  %(prog)s data/darkface data/darkface-msrcr --method msrcr
  %(prog)s data/darkface data/darkface-gimp --method msrcr \\
      --param form=gimp sigmas=[2,102,202] dynamic=2
docs/low_light.md describes the methods and their parameters. List their names:
python -c 'import mmsrn.enhance as e; print(*e.METHODS)'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Set the parser up.

    Args:
        parser (argparse.ArgumentParser): The parser of the command.
    """
    parser.description = (
        'Write a brighter copy of a dark data set: '
        f'enhance every image below SRC. {COPY}'
    )
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_folders(parser, 'folder of the dark data set', jpeg_quality=95)
    parser.add_argument(
        '--method', required=True, help='method, such as msrcr or lime'
    )
    parser.add_argument(
        '--param',
        nargs='+',
        action='extend',
        default=[],
        metavar='NAME=VALUE',
        help='parameters of the method (default: the published ones)',
    )
    add_workers(parser)


def run(args: argparse.Namespace) -> int:
    """Enhance.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        int: 1 if images could not be read, else 0.
    """
    try:
        params = parse_params(args.param)
        enhancer = make_enhancer(args.method, **params)
    except (TypeError, ValueError, cv2.error) as error:
        raise UserError(f'--method {args.method}: {error}') from error
    record = dict(
        kind='enhanced',
        method=args.method,
        params=complete(args.method, params),
    )
    return make_copy(
        args,
        partial(enhance_named, enhancer=enhancer),
        record,
        workers=args.workers,
        grey=True,
        description='Enhancing',
    )
