#!/usr/bin/env python3
"""Train a detector; same command line as mmdet's ``tools/train.py``."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.utils.cpu_processes import leave_cpu_processes  # noqa: E402
from mmsrn.utils.launch import (  # noqa: E402
    add_common_arguments,
    build_runner,
    check_checkpoint,
    check_config,
    check_data,
    check_parts,
    check_writable,
    fail,
    load_config,
    load_weights,
    one_line_errors,
    open_checkpoint,
    require_mmdet,
)

require_mmdet(ROOT)

if TYPE_CHECKING:
    from mmengine.config import Config

PARTS = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')


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


def start(
    parser: argparse.ArgumentParser, cfg: Config
) -> tuple[str, dict] | None:
    """Read the checkpoint that a training starts from.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        cfg (Config): The complete config.

    Returns:
        tuple[str, dict], optional: Its path and what it holds; None if the
        training starts from none.
    """
    path = cfg.get('load_from')
    if cfg.get('resume') and not path:
        if not (Path(cfg.work_dir) / 'last_checkpoint').is_file():
            return None
        from mmengine.runner import find_latest_checkpoint

        path = find_latest_checkpoint(cfg.work_dir)
    if not path:
        return None
    checkpoint = open_checkpoint(parser, path)
    if cfg.get('resume') and 'meta' not in checkpoint:
        fail(
            parser,
            f'checkpoint {path} holds weights only, so no training can go on '
            f'from it; --cfg-options load_from={path} starts a new one',
        )
    return path, checkpoint


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
    check_parts(parser, cfg, args.config, PARTS)
    check_data(parser, cfg, ('train', 'val'))
    begin = start(parser, cfg)
    check_writable(parser, cfg.work_dir, f'work folder {cfg.work_dir}')
    with one_line_errors(parser, args.config):
        runner = build_runner(cfg)
        if cfg.get('resume') and begin is not None:
            load_weights(parser, args.config, runner.model, *begin)
        del begin  # the run need not hold it twice
        runner.train()
    leave_cpu_processes()


if __name__ == '__main__':
    main()
