#!/usr/bin/env python3
"""Make a copy of a set that a learned enhancer has brightened."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.utils.launch import (  # noqa: E402
    add_cfg_options,
    check_checkpoint,
    check_config,
    fail,
    one_line_errors,
    read_config,
    require_mmdet,
)

require_mmdet(ROOT)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description='Make a copy of a set that a trained enhancer has '
        'brightened: every image below SRC goes through it, every other file '
        '(annotations, lists) is copied, so that DST is a set of its own. '
        'Started again, it makes what is missing; the settings are in '
        'DST/processing.json, and other ones are refused. Exit status 1 if '
        'an image cannot be read.',
        epilog='example: %(prog)s '
        'configs/enhancers/zero-dce_1xb8-300i_dark-images.py '
        'work_dirs/zero-dce_1xb8-300i_dark-images/iter_300.pth '
        'data/facemask-dark data/facemask-enhanced',
    )
    parser.add_argument(
        'config', help='config of ImageEnhancer or EnhancedDetector'
    )
    parser.add_argument('checkpoint', help='weights of its training')
    parser.add_argument('src', type=Path, help='folder of the dark set')
    parser.add_argument('dst', type=Path, help='folder to make')
    parser.add_argument(
        '--jpeg-quality',
        type=int,
        choices=range(1, 101),
        default=100,
        metavar='Q',
        help='of JPEG and WebP files, 1 to 100 (100)',
    )
    add_cfg_options(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Make the copy.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    check_config(parser, args.config, ROOT)
    check_checkpoint(parser, args.checkpoint, 'train one with tools/train.py')
    cfg = read_config(parser, args.config, args.cfg_options)
    settings = (cfg.get('model') or {}).get('enhancer')
    if settings is None:
        fail(parser, f'config {args.config} has no model.enhancer')
    from mmdet.registry import MODELS
    from mmengine.device import get_device

    from mmsrn.models import enhance_image, load_enhancer
    from mmsrn.utils.image_folder import process_folder

    with one_line_errors(parser, args.config):
        enhancer = MODELS.build(settings)
    try:
        load_enhancer(enhancer, args.checkpoint)
        enhancer.to(get_device()).eval()
        report = process_folder(
            args.src,
            args.dst,
            lambda image, name: enhance_image(image, enhancer),
            {
                'method': settings.type,
                'enhancer': settings.to_dict(),
                'checkpoint_sha256': _digest(args.checkpoint),
            },
            jpeg_quality=args.jpeg_quality,
            description='Enhancing',
        )
    except (ValueError, OSError) as error:
        fail(parser, str(error))
    print(f'{args.dst}: {report}')
    for name, wrong in report.failed.items():
        print(f'{args.src / name}: {wrong}', file=sys.stderr)
    if report.failed:
        sys.exit(1)


def _digest(checkpoint: str) -> str:
    if '://' in checkpoint:
        return checkpoint
    return hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest()


if __name__ == '__main__':
    main()
