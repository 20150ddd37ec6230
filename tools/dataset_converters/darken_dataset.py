#!/usr/bin/env python3
"""Make a dark copy of a set of lit photographs."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.low_light import LowLightRanges, darken_named  # noqa: E402
from mmsrn.utils.launch import fail, positive  # noqa: E402

_HELP = {
    'exposure': 'light over that of the photograph',
    'gamma': 'tone curve of the camera',
    'electrons': 'electrons of a white pixel: the fewer, the more shot noise',
    'read_noise': 'electrons of read noise',
    'warmth': 'colour of the light, stops of red over blue',
    'tint': 'colour of the light, stops of green',
    'num_lamps': 'lamps in or near the picture',
    'lamp_height': 'their distance over the longer side: how far they reach',
    'lamp_strength': 'their light over that of the photograph',
    'lamp_glow': 'brightness of the bulb, 1 being white',
    'lamp_warmth': 'as --warmth, of each lamp',
    'lamp_tint': 'as --tint, of each lamp',
}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description='Make a dark copy of a set: every image below SRC is '
        'darkened as a camera would see the scene in little light, every '
        'other file (annotations, lists) copied, so that DST is a set of its '
        'own. Each image depends on the seed and its own name alone. Started '
        'again, it makes what is missing; the settings are in '
        'DST/processing.json, and other ones are refused. Exit status 1 if '
        'an image cannot be read.',
        epilog='example: %(prog)s data/facemask data/facemask-dark',
    )
    parser.add_argument('src', type=Path, help='folder of the lit set')
    parser.add_argument('dst', type=Path, help='folder to make')
    parser.add_argument(
        '--seed', type=int, default=0, help='of all that is random (0)'
    )
    parser.add_argument(
        '--workers',
        type=positive,
        default=os.cpu_count() or 1,
        help='processes (default: one a core)',
    )
    parser.add_argument(
        '--jpeg-quality',
        type=int,
        choices=range(1, 101),
        default=100,
        metavar='Q',
        help='of JPEG and WebP files, 1 to 100; lower ones remove what '
        'little there is in the dark (100)',
    )
    ranges = parser.add_argument_group(
        'ranges', 'the scene of each image is drawn from these'
    )
    for item in fields(LowLightRanges):
        option = f'--{item.name.replace("_", "-")}'
        if item.name == 'bits':
            ranges.add_argument(
                option,
                type=int,
                default=item.default,
                help=f'of the linear signal ({item.default})',
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


def main(argv: list[str] | None = None) -> None:
    """Make the copy.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    from mmsrn.utils.image_folder import process_folder

    names = [x.name for x in fields(LowLightRanges)]
    values = {x: getattr(args, x) for x in names}
    for name, value in values.items():
        values[name] = tuple(value) if isinstance(value, list) else value
    try:
        ranges = LowLightRanges(**values)
        report = process_folder(
            args.src,
            args.dst,
            partial(darken_named, ranges=ranges, seed=args.seed),
            {'method': 'low_light', 'seed': args.seed, **asdict(ranges)},
            workers=args.workers,
            jpeg_quality=args.jpeg_quality,
            description='Darkening',
        )
    except (ValueError, OSError) as error:
        fail(parser, str(error))
    print(f'{args.dst}: {report}')
    for name, wrong in report.failed.items():
        print(f'{args.src / name}: {wrong}', file=sys.stderr)
    if report.failed:
        sys.exit(1)


if __name__ == '__main__':
    main()
