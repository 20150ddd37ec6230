"""Put experiments on dark photos beside each other: a table and a page.

Each experiment is a config and its weights, which are tested, or the results
of a test (tools/test.py --out), which are collected. All are evaluated as the
published tool of DARK FACE does, on the faces of the config's test set. The
page shows the table, the curves, and test images as each pipeline hands them
on, with what was found.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from benchmarks.markdown import markdown
from mmsrn.cli.arguments import add_trust, program_parser
from mmsrn.cli.config import check_data, check_parts, read_config
from mmsrn.cli.config_errors import one_line_errors
from mmsrn.cli.launch import check_checkpoint
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import check_writable, write_json
from mmsrn.utils.trust import checkpoints_are_trusted, trust_checkpoints

from .experiments import Experiment, TestSet, collect, read_test_set
from .page import HEAD, table, write_page

ROOT = Path(__file__).resolve().parents[2]
PARTS = ('model', 'train_dataloader', 'test_dataloader')
DUMPS = ('.pkl', '.pickle')
EXAMPLES = """
example (A and B are one training, tested on two sets):
  D=configs/darkface/srn_r101_fpn_8xb4-130e
  %(prog)s \\
      --experiment A ${D}_widerface_darkface.py lit.pth \\
      --experiment B ${D}_widerface_darkface-msrcr.py lit.pth \\
      --experiment C ${D}_widerface-darkface-msrcr_darkface-msrcr.py both.pth
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(
        __doc__, EXAMPLES, prog='python -m benchmarks.dark_face'
    )
    parser.add_argument(
        '--experiment',
        nargs=3,
        action='append',
        required=True,
        metavar=('NAME', 'CONFIG', 'RESULT'),
        help='a checkpoint to test, or the .pkl of a test; once for each '
        'experiment, the one to compare with first',
    )
    parser.add_argument(
        '--output-dir',
        type=Path,
        default=Path('work_dirs/dark_face'),
        metavar='DIR',
        help='folder for report.html, its pictures, numbers.json and the '
        'results NAME.pkl (default: work_dirs/dark_face)',
    )
    add_trust(parser)
    return parser


def read_configs(args: argparse.Namespace) -> list[Config]:
    """Read the configs, or say what is wrong with the command line."""
    names = [x[0] for x in args.experiment]
    for name in names:
        if not re.fullmatch(r'[\w-]+', name):
            raise UserError(
                f'--experiment {name}: files are called so, too; use letters, '
                'digits, - and _'
            )
        if names.count(name) > 1:
            raise UserError(f'--experiment: two are called {name}')
    cfgs = []
    for _, config, source in args.experiment:
        check_checkpoint(
            source, 'name a checkpoint, or results that test.py saved'
        )
        cfgs.append(read_config(config))
        check_parts(cfgs[-1], config, PARTS)
        check_data(cfgs[-1], ('test',))
    return cfgs


def read_test_sets(
    args: argparse.Namespace, cfgs: list[Config]
) -> list[TestSet]:
    """Read the test sets, or say what makes them incomparable."""
    sets: list[TestSet] = []
    for (name, config, _), cfg in zip(args.experiment, cfgs):
        with one_line_errors(config):
            try:
                sets.append(read_test_set(cfg))
            except ValueError as error:
                raise UserError(f'{name}: {error}') from error
        differs = sets[-1].differs_from(sets[0])
        if differs:
            raise UserError(
                f'{name} is tested on {differs} than {args.experiment[0][0]}, '
                'so that they cannot be compared; test_dataloader.dataset of '
                'the configs says on which'
            )
    return sets


def run_test(config: str, checkpoint: str, out: Path) -> None:
    """Test a checkpoint in a process of its own.

    A runner leaves loggers and scopes behind.
    """
    print(f'Testing {checkpoint} with {config}', flush=True)
    command = [sys.executable, str(ROOT / 'tools/test.py'), config, checkpoint]
    command += ['--out', str(out), '--work-dir', str(out.with_suffix(''))]
    command += ['--trust-checkpoint'] * checkpoints_are_trusted()
    if subprocess.run(command).returncode:
        raise UserError(f'the test of {checkpoint} with {config} failed')


def evaluate(
    args: argparse.Namespace, cfgs: list[Config], test_sets: list[TestSet]
) -> list[Experiment]:
    """Test what is not tested, and evaluate all."""
    experiments = []
    for (name, config, source), cfg, test_set in zip(
        args.experiment, cfgs, test_sets
    ):
        results = source
        if not source.endswith(DUMPS):
            results = str(args.output_dir / f'{name}.pkl')
            run_test(config, source, Path(results))
        try:
            experiments.append(collect(name, cfg, test_set, results))
        except ValueError as error:
            raise UserError(f'{name}: {error}') from error
        for warning in experiments[-1].result.warnings:
            print(f'warning: {name}: {warning}', file=sys.stderr)
    return experiments


@user_errors('benchmarks.dark_face')
def main(argv: list[str] | None = None) -> None:
    """Test, evaluate and write the page."""
    args = make_parser().parse_args(argv)
    trust_checkpoints(args.trust_checkpoint)
    cfgs = read_configs(args)
    check_writable(args.output_dir, f'folder {args.output_dir}')
    init_default_scope('mmdet')
    experiments = evaluate(args, cfgs, read_test_sets(args, cfgs))
    print(f'\n{markdown(HEAD, table(experiments), len(HEAD) - 1)}\n')
    numbers = {
        x.name: dict(
            training_dataset=x.train_set,
            testing_dataset=x.test_set.name,
            **x.result.as_json(),
        )
        for x in experiments
    }
    write_json(args.output_dir / 'numbers.json', numbers)
    try:
        page = write_page(args.output_dir / 'report.html', experiments)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    print(f'Page: {page}')


if __name__ == '__main__':
    main()
