#!/usr/bin/env python3
"""Train a detector; same command line as mmdet's ``tools/train.py``."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.utils.launch import (  # noqa: E402
    add_common_arguments,
    build_runner,
    check_checkpoint,
    check_config,
    fail,
    load_config,
)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description='Train a detector')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir', help='folder for logs and checkpoints to be saved in'
    )
    parser.add_argument(
        '--amp', action='store_true', help='train in mixed precision'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the batch size of all processes',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint; alone, from the last one in the '
        'work folder, if there is one',
    )
    add_common_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Train.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    check_config(parser, args.config, ROOT)
    if args.resume not in (None, 'auto'):
        remedy = '--resume alone takes the last one in the work folder'
        check_checkpoint(parser, args.resume, remedy)
    cfg = load_config(parser, args)
    if args.amp:
        from mmengine.device import get_device

        if get_device() == 'cpu':
            fail(
                parser,
                '--amp needs a GPU, and none is usable here; see '
                'tools/misc/check_env.py',
            )
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.loss_scale = 'dynamic'
    if args.auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            fail(
                parser,
                f'--auto-scale-lr: {args.config} lacks auto_scale_lr = '
                'dict(base_batch_size=N), N being the batch its rate is for',
            )
        cfg.auto_scale_lr.enable = True
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    build_runner(cfg).train()


if __name__ == '__main__':
    main()
