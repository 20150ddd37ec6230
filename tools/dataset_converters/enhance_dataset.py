#!/usr/bin/env python3
"""Enhance all images of a dark set."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from functools import partial
from pathlib import Path

import cv2

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from folder_tool import (  # noqa: E402
    COPY,
    add_arguments,
    add_workers,
    make_copy,
)

from mmsrn.enhance import (  # noqa: E402
    complete,
    enhance_named,
    make_enhancer,
    parse_params,
)
from mmsrn.utils.launch import fail  # noqa: E402

EXAMPLES = """
examples:
  %(prog)s data/darkface data/darkface-msrcr --method msrcr
  %(prog)s data/darkface data/darkface-gimp --method msrcr \\
      --param form=gimp sigmas=[2,102,202] dynamic=2
methods: python -c 'import mmsrn.enhance as e; print(*e.METHODS)';
docs/enhancement.md describes them and their parameters
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=f'Enhance a dark set: every image below SRC, while {COPY}',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser, 'folder of the dark set', jpeg_quality=95)
    parser.add_argument(
        '--method', required=True, help='name of the method: msrcr, lime, ...'
    )
    parser.add_argument(
        '--param',
        nargs='+',
        action='extend',
        default=[],
        metavar='NAME=VALUE',
        help='parameters of the method (default: as published)',
    )
    add_workers(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Enhance.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.

    Returns:
        int: 1 if images could not be read, else 0.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    try:
        params = parse_params(args.param)
        enhancer = make_enhancer(args.method, **params)
    except (TypeError, ValueError, cv2.error) as error:
        fail(parser, f'--method {args.method}: {error}')
    record = dict(
        kind='enhanced',
        method=args.method,
        params=complete(args.method, params),
    )
    return make_copy(
        parser,
        args,
        partial(enhance_named, enhancer=enhancer),
        record,
        workers=args.workers,
        grey=True,
        description='Enhancing',
    )


if __name__ == '__main__':
    sys.exit(main())
