#!/usr/bin/env python3
"""Test a detector; same command line as mmdet's ``tools/test.py``."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.cli.arguments import add_common_arguments  # noqa: E402
from mmsrn.cli.config import check_data, load_config  # noqa: E402
from mmsrn.cli.config_errors import one_line_errors  # noqa: E402
from mmsrn.cli.launch import (  # noqa: E402
    apply_tta,
    build_runner,
    check_checkpoint,
    keep_results,
    load_weights,
    open_checkpoint,
    require_mmdet,
)
from mmsrn.utils.allocator import keep_freed_memory  # noqa: E402
from mmsrn.utils.cpu_processes import leave_cpu_processes  # noqa: E402
from mmsrn.utils.errors import UserError, user_errors  # noqa: E402
from mmsrn.utils.output_file import check_writable  # noqa: E402

if TYPE_CHECKING:
    from mmengine.runner import Runner

require_mmdet()

PARTS = ('model', 'test_dataloader', 'test_cfg', 'test_evaluator')


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description='Test a detector')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file or address')
    parser.add_argument(
        '--work-dir', help='folder for the log and the metrics'
    )
    parser.add_argument(
        '--out',
        metavar='FILE.pkl',
        help='save the predictions in this .pkl file, for later evaluation',
    )
    parser.add_argument(
        '--show', action='store_true', help='show predictions in a window'
    )
    parser.add_argument(
        '--show-dir',
        help='save pictures with predictions in this folder below '
        'WORK_DIR/TIME',
    )
    parser.add_argument(
        '--wait-time',
        type=float,
        default=2,
        help='seconds each picture is shown (default: 2)',
    )
    parser.add_argument(
        '--tta',
        action='store_true',
        help='run the multi-scale test: test-time augmentation with '
        'tta_model and tta_pipeline of the config',
    )
    parser.add_argument(
        '--resume',
        action='store_true',
        help='continue an interrupted test: keep the result of each image in '
        'the work folder and reuse the results found there (--tta '
        'always keeps them)',
    )
    parser.add_argument(
        '--fast',
        action='store_true',
        help='test faster, with folded batch norms, channels last and '
        'selective inference: the same boxes up to rounding',
    )
    add_common_arguments(parser)
    return parser


def load_once(
    runner: Runner, config: str, path: str, checkpoint: dict
) -> None:
    """Let a runner take a checkpoint that has been read.

    mmengine would read the file again.

    Args:
        runner (Runner): The runner, which asks for it when it starts.
        config (str): Path of the config, for the message.
        path (str): Path of the checkpoint, for messages.
        checkpoint (dict): What it holds; empty once it is loaded.
    """

    def load() -> None:
        runner.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        load_weights(config, runner.model, path, checkpoint)
        runner.logger.info(f'Load checkpoint from {path}')
        checkpoint.clear()

    runner.load_or_resume = load


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Test."""
    args = make_parser().parse_args(argv)
    check_checkpoint(
        args.checkpoint,
        'training saves epoch_*.pth in its work folder',
    )
    if args.out and not args.out.endswith(('.pkl', '.pickle')):
        raise UserError(f'--out {args.out}: the name must end in .pkl')
    if args.out and Path(args.out).is_dir():
        raise UserError(f'--out {args.out}: is a folder')
    cfg = load_config(args, PARTS)
    cfg.load_from = args.checkpoint
    if args.show or args.show_dir:
        from mmdet.engine.hooks.utils import trigger_visualization_hook

        cfg = trigger_visualization_hook(cfg, args)
    if args.tta:
        apply_tta(cfg, args.config)
    if args.tta or args.resume:
        keep_results(cfg, args.config, args.resume)
    if args.fast:
        import mmsrn.engine  # noqa: F401  registers the hook

        hook = dict(type='PrepareForInferenceHook')
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or ()), hook]
    check_data(cfg, ('test',))
    checkpoint = open_checkpoint(args.checkpoint)
    check_writable(cfg.work_dir, f'work folder {cfg.work_dir}')
    if args.out:
        check_writable(Path(args.out).parent, f'--out {args.out}')
    with one_line_errors(args.config):
        runner = build_runner(cfg)
        load_once(runner, args.config, args.checkpoint, checkpoint)
        if args.out:
            from mmdet.evaluation import DumpDetResults

            dump = DumpDetResults(out_file_path=args.out)
            runner.test_evaluator.metrics.append(dump)
        runner.test()
    leave_cpu_processes()


if __name__ == '__main__':
    keep_freed_memory()  # here: it would stay so for whoever calls main
    main()
