#!/usr/bin/env python3
"""Write a dark copy of a data set of lit photos."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, fields
from functools import partial

from mmsrn.cli.folder_copy import (
    COPY,
    add_arguments,
    add_workers,
    make_copy,
)
from mmsrn.low_light import LowLightRanges, darken_named
from mmsrn.utils.errors import UserError, user_errors

_HELP = {
    'exposure': 'light relative to the photo',
    'gamma': 'tone curve of the camera',
    'electrons': 'electrons of a white pixel; fewer give more shot noise',
    'read_noise': 'electrons of read noise',
    'warmth': 'colour of the light: stops of red over blue',
    'tint': 'colour of the light: stops of green',
    'num_lamps': 'lamps in or near the picture',
    'lamp_height': 'distance of a lamp relative to the longer side',
    'lamp_strength': 'light of a lamp relative to the photo',
    'lamp_glow': 'brightness of the bulb; 1 is white',
    'lamp_warmth': 'like --warmth, for each lamp',
    'lamp_tint': 'like --tint, for each lamp',
}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description='Write a dark copy of a data set: every image below SRC '
        'as a camera would record the scene in low light. The '
        'result depends only on the seed and the name of the '
        f'image. {COPY}',
        epilog='example: %(prog)s data/facemask data/facemask-dark',
    )
    # Lower qualities remove what little there is in the dark.
    add_arguments(parser, 'folder of the lit data set', jpeg_quality=100)
    parser.add_argument('--seed', type=int, default=0, help='random seed (0)')
    add_workers(parser)
    ranges = parser.add_argument_group(
        'ranges', 'ranges from which the scene of each image is drawn'
    )
    for item in fields(LowLightRanges):
        option = f'--{item.name.replace("_", "-")}'
        if item.name == 'bits':
            ranges.add_argument(
                option,
                type=int,
                default=item.default,
                help=f'bits of the linear signal ({item.default})',
            )
            continue
        low, high = item.default
        ranges.add_argument(
            option,
            type=int if item.name == 'num_lamps' else float,
            nargs=2,
            default=item.default,
            metavar=('LOW', 'HIGH'),
            help=f'{_HELP[item.name]} ({low} {high})',
        )
    return parser


@user_errors()
def main(argv: list[str] | None = None) -> int:
    """Make the copy; return 1 if images could not be read, else 0."""
    args = make_parser().parse_args(argv)
    names = [x.name for x in fields(LowLightRanges)]
    values = {x: getattr(args, x) for x in names}
    for name, value in values.items():
        values[name] = tuple(value) if isinstance(value, list) else value
    try:
        ranges = LowLightRanges(**values)
    except ValueError as error:
        raise UserError(str(error)) from error
    record = dict(kind='darkened', method='low_light', seed=args.seed)
    return make_copy(
        args,
        partial(darken_named, ranges=ranges, seed=args.seed),
        record | asdict(ranges),
        workers=args.workers,
        description='Darkening',
    )


if __name__ == '__main__':
    sys.exit(main())
