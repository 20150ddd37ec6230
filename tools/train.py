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

from mmsrn.cli.arguments import add_common_arguments  # noqa: E402
from mmsrn.cli.config import check_data, load_config  # noqa: E402
from mmsrn.cli.config_errors import one_line_errors  # noqa: E402
from mmsrn.cli.launch import (  # noqa: E402
    build_runner,
    check_checkpoint,
    load_weights,
    require_mmdet,
    training_start,
)
from mmsrn.cli.resume import something_left  # noqa: E402
from mmsrn.utils.cpu_processes import leave_cpu_processes  # noqa: E402
from mmsrn.utils.errors import UserError, user_errors  # noqa: E402
from mmsrn.utils.output_file import check_writable  # noqa: E402

require_mmdet()

PARTS = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description='Train a detector')
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--amp', action='store_true', help='train in mixed precision'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the total batch size',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from this checkpoint with its optimizer, schedule and '
        'seed; without FILE, from the last one in the work folder if '
        'there is one',
    )
    add_common_arguments(parser)
    return parser


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Train."""
    args = make_parser().parse_args(argv)
    if args.resume not in (None, 'auto'):
        remedy = (
            'use --resume without FILE for the last one in the work folder'
        )
        check_checkpoint(args.resume, remedy)
    cfg = load_config(args, PARTS)
    if args.amp:
        from mmengine.device import get_device

        if get_device() == 'cpu':
            raise UserError(
                '--amp needs a GPU, but none is usable here; run mmsrn '
                'check-env'
            )
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.loss_scale = 'dynamic'
    if args.auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            raise UserError(
                f'--auto-scale-lr: {args.config} lacks auto_scale_lr = '
                'dict(base_batch_size=N), where N is the batch size of its '
                'learning rate'
            )
        cfg.auto_scale_lr.enable = True
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    check_data(cfg, ('train', 'val'))
    start = training_start(cfg)
    if cfg.get('resume') and not something_left(cfg, start):
        return
    check_writable(cfg.work_dir, f'work folder {cfg.work_dir}')
    with one_line_errors(args.config):
        runner = build_runner(cfg)
        if cfg.get('resume') and start is not None:
            load_weights(args.config, runner.model, *start)
        del start  # the run need not hold it twice
        runner.train()
    leave_cpu_processes()


if __name__ == '__main__':
    main()
