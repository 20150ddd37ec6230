"""Train and test configs in turn, with several seeds, and compare them.

Each config and seed has a folder WORK_DIR/CONFIG/seed_N for the training and
the test of its last checkpoint: training.log, test.log, detections.pkl,
result.json. The same command again skips what is finished and goes on where it
was interrupted. ablation.json in WORK_DIR holds means and deviations over the
seeds, beside the paper's numbers where there are some.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmsrn.cli.arguments import add_cfg_options, program_parser
from mmsrn.cli.config import check_data, check_parts, read_config
from mmsrn.cli.config_errors import one_line_errors
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import check_writable, write_json

from .numbers import collect, test_options
from .runs import Run, digest
from .table import Row, as_json, text_table

PARTS = (
    *('model', 'train_dataloader', 'train_cfg', 'optim_wrapper'),
    *('test_dataloader', 'test_cfg', 'test_evaluator'),
)
EXAMPLES = """
examples:
  the main table of the paper, with 8 x 4 images per step:
    %(prog)s configs/ablation/{baseline,stc,str,stc-str,stc-str-rfe}_r50*.py \\
        --tta --cfg-options optim_wrapper.accumulative_counts=8 \\
        param_scheduler.0.end=4000
  the same on a small set, with two seeds:
    %(prog)s configs/ablation/*_facemask.py --seeds 0 1
  one of several jobs that run at the same time, see docs/ablation.md:
    %(prog)s CONFIG --seeds 1 --run-only
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(
        __doc__, EXAMPLES, prog='python -m benchmarks.ablation'
    )
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='configs')
    parser.add_argument(
        '--seeds',
        type=int,
        nargs='+',
        default=[0],
        metavar='N',
        help='seeds of the trainings (default: 0)',
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/ablation'),
        metavar='DIR',
        help='folder of all runs and tables (default: work_dirs/ablation)',
    )
    parser.add_argument(
        '--tta', action='store_true', help='augment at test time'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='overwrite settings of all configs, see tools/train.py --help',
    )
    parser.add_argument(
        '--run-only',
        action='store_true',
        help='write no table, as jobs that run at the same time must not',
    )
    return parser


def read_runs(args: argparse.Namespace) -> list[tuple[Run, Config]]:
    """Read the configs, or end with what is wrong with the command line."""
    names = [Path(x).stem for x in args.configs]
    if len(set(names)) < len(names):
        twice = max(names, key=names.count)
        raise UserError(f'two configs are called {twice}')
    if len(set(args.seeds)) < len(args.seeds):
        raise UserError('--seeds: each may be given once')
    # Of the same form as those of the tools that get them.
    options = argparse.ArgumentParser()
    add_cfg_options(options)
    given = ['--cfg-options', *args.cfg_options] if args.cfg_options else []
    settings = options.parse_args(given).cfg_options

    runs = []
    for config, name in zip(args.configs, names):
        cfg = read_config(config, settings)
        init_default_scope(cfg.get('default_scope', 'mmdet'))
        check_parts(cfg, config, PARTS)
        check_data(cfg, ('train', 'val', 'test'))
        with one_line_errors(config):
            more = test_options(cfg)
        state = digest(cfg.to_dict(), args.tta)
        for seed in args.seeds:
            run = Run(
                config,
                seed,
                (args.work_dir / name / f'seed_{seed}').absolute(),
                args.cfg_options,
                more,
                args.tta,
                state,
            )
            runs.append((run, cfg))
    return runs


def do(runs: list[tuple[Run, Config]]) -> list[str]:
    """Do runs in turn, whatever becomes of those before."""
    failures = []
    for number, (run, cfg) in enumerate(runs, 1):
        try:
            print(f'{number}/{len(runs)} {run}: training', flush=True)
            run.train()
            print(f'{number}/{len(runs)} {run}: test', flush=True)
            run.test()
            run.write('result.json', **collect(run, cfg))
        except (OSError, UserError) as error:
            failures.append(str(error))
            print(f'failed: {error}', flush=True)
    return failures


def read_rows(runs: list[tuple[Run, Config]]) -> list[Row]:
    """Read the results of what is finished."""
    found: dict[str, dict] = {}
    for run, _ in runs:
        result = run.result
        if result:
            found.setdefault(run.name, {})[run.seed] = result['numbers']
    return [Row(name, results) for name, results in found.items()]


def report(folder: Path, rows: list[Row]) -> None:
    """Show and write the table."""
    print(f'\n{text_table(rows)}\n')
    write_json(folder / 'ablation.json', as_json(rows))
    print(f'Written: {folder}/ablation.json')


@user_errors('benchmarks.ablation')
def main(argv: list[str] | None = None) -> None:
    """Run and compare."""
    parser = make_parser()
    args = parser.parse_args(argv)
    runs = read_runs(args)
    check_writable(args.work_dir, f'folder {args.work_dir}')
    to_do = [x for x in runs if not (x[0].state and x[0].result)]
    print(f'{len(runs)} runs, {len(runs) - len(to_do)} of them finished')
    try:
        failures = do(to_do)
    except KeyboardInterrupt:
        parser.exit(130, 'interrupted; the same command goes on\n')
    rows = read_rows(runs)
    if rows and not args.run_only:
        report(args.work_dir, rows)
    for failure in failures:
        print(f'benchmarks.ablation: failed: {failure}', file=sys.stderr)
    if failures:
        sys.exit(1)


if __name__ == '__main__':
    main()
