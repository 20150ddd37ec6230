#!/usr/bin/env python3
"""Write a copy of a data set, brightened by a learned enhancer."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from mmsrn.cli.arguments import add_cfg_options, add_trust
from mmsrn.cli.config import read_config
from mmsrn.cli.config_errors import one_line_errors
from mmsrn.cli.folder_copy import (
    COPY,
    add_arguments,
    make_copy,
)
from mmsrn.cli.launch import check_checkpoint
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.trust import trust_checkpoints


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description='Write a copy of a data set, brightened by a trained '
        f'enhancer: every image below SRC. {COPY}',
        epilog='example: %(prog)s '
        'configs/enhancers/zero-dce_1xb8-300i_dark-images.py '
        'work_dirs/zero-dce_1xb8-300i_dark-images/iter_300.pth '
        'data/facemask-dark data/facemask-enhanced',
    )
    parser.add_argument(
        'config', help='config of an ImageEnhancer or EnhancedDetector'
    )
    parser.add_argument('checkpoint', help='its checkpoint')
    add_arguments(parser, 'folder of the dark data set', jpeg_quality=95)
    add_cfg_options(parser)
    add_trust(parser)
    return parser


@user_errors()
def main(argv: list[str] | None = None) -> int:
    """Make the copy; return 1 if images could not be read, else 0."""
    args = make_parser().parse_args(argv)
    trust_checkpoints(args.trust_checkpoint)
    check_checkpoint(args.checkpoint, 'train one with tools/train.py')
    cfg = read_config(args.config, args.cfg_options)
    settings = (cfg.get('model') or {}).get('enhancer')
    if settings is None:
        raise UserError(f'config {args.config} has no model.enhancer')
    from mmdet.registry import MODELS
    from mmengine.device import get_device

    from mmsrn.models import enhance_image, load_enhancer

    with one_line_errors(args.config):
        enhancer = MODELS.build(settings)
    try:
        load_enhancer(enhancer, args.checkpoint)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    enhancer.to(get_device()).eval()
    record = dict(
        kind='enhanced',
        method=settings.type,
        enhancer=settings.to_dict(),
        checkpoint_sha256=_digest(args.checkpoint),
    )
    return make_copy(
        args,
        # The network has the threads of this process, or the GPU.
        lambda image, name: enhance_image(image, enhancer),
        record,
        description='Enhancing',
    )


def _digest(checkpoint: str) -> str:
    if '://' in checkpoint:
        return checkpoint
    return hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest()


if __name__ == '__main__':
    sys.exit(main())
