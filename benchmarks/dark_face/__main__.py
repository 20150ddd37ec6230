"""Put experiments on dark photos beside each other: a table and a page.

Each experiment is a config and its weights, which are tested, or the results
of a test (tools/test.py --out), which are collected. All are evaluated as the
published tool of DARK FACE does, on the faces of the config's test set. The
page shows the table, the curves, and photos as each pipeline hands them on,
with what was found.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from rich.progress import track

from mmsrn.enhance import METHODS
from mmsrn.evaluation.readers import read_dark_face
from mmsrn.utils.image_files import IMAGE_SUFFIXES
from mmsrn.utils.launch import (
    check_checkpoint,
    check_config,
    check_data,
    check_parts,
    check_writable,
    fail,
    one_line_errors,
    positive,
    read_config,
)
from mmsrn.utils.output_file import write_json

from .experiments import (
    Experiment,
    TestSet,
    collect,
    read_photo,
    read_test_set,
)
from .page import HEAD, table, write_page
from .photos import PhotoDetector

ROOT = Path(__file__).resolve().parents[2]
PARTS = ('model', 'train_dataloader', 'test_dataloader')
DUMPS = ('.pkl', '.pickle')
EXAMPLES = """
example (A and B are one training, tested on two sets):
  D=configs/darkface/srn_r101_fpn_1xb32-130e
  %(prog)s --photos night/ --process lime \\
      --experiment A ${D}_widerface_darkface.py lit.pth \\
      --experiment B ${D}_widerface_darkface-msrcr.py lit.pth \\
      --experiment C ${D}_widerface-darkface-msrcr_darkface-msrcr.py both.pth
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.dark_face',
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        default=Path('work_dirs/darkface_report'),
        metavar='DIR',
        help='folder for report.html, its pictures, numbers.json and the '
        'results NAME.pkl (default: work_dirs/darkface_report)',
    )
    parser.add_argument(
        '--num-pictures',
        type=positive,
        default=6,
        metavar='N',
        help='test images to show (default: 6)',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        metavar='S',
        help='draw detections from this score on (default: 0.3)',
    )
    photos = parser.add_argument_group(
        'further photos',
        'shown as they are and processed, each with what the detector of the '
        'last experiment finds there',
    )
    photos.add_argument(
        '--photos', type=Path, metavar='DIR', help='folder of images'
    )
    photos.add_argument(
        '--weights',
        metavar='FILE',
        help='checkpoint of that detector, where RESULT is a .pkl',
    )
    photos.add_argument(
        '--labels',
        nargs='+',
        metavar='PATH',
        help='their faces: folders of label files or split lists of DARK FACE',
    )
    photos.add_argument(
        '--process',
        choices=sorted(METHODS),
        default='msrcr',
        metavar='METHOD',
        help='of mmsrn.enhance (default: msrcr)',
    )
    photos.add_argument(
        '--photo-scale',
        type=float,
        default=2.0,
        metavar='FACTOR',
        help='enlarge them before detection (default: 2)',
    )
    return parser


def read_experiments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> list[Config]:
    """Read the configs, or end with what is wrong with the command line.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        args (argparse.Namespace): The command line.

    Returns:
        list[Config]: Of the experiments.
    """
    names, configs, sources = zip(*args.experiment)
    for name in names:
        if not re.fullmatch(r'[\w-]+', name):
            fail(
                parser,
                f'--experiment {name}: files are called so, too; use letters, '
                'digits, - and _',
            )
    if len(set(names)) < len(names):
        fail(
            parser,
            f'--experiment: two are called {max(names, key=names.count)}',
        )
    if not sources[-1].endswith(DUMPS):
        args.weights = args.weights or sources[-1]
    if args.photos and args.weights is None:
        fail(
            parser,
            '--photos needs a detector: name the checkpoint of the last '
            'experiment with --weights',
        )
    if args.weights is not None:
        check_checkpoint(parser, args.weights, 'name another file')
    cfgs = []
    for config, source in zip(configs, sources):
        check_config(parser, config, ROOT)
        check_checkpoint(
            parser, source, 'name a checkpoint, or results that test.py saved'
        )
        cfgs.append(read_config(parser, config, None))
        check_parts(parser, cfgs[-1], config, PARTS)
        check_data(parser, cfgs[-1], ('test',))
    return cfgs


def test(
    parser: argparse.ArgumentParser, config: str, checkpoint: str, out: Path
) -> None:
    """Test a checkpoint.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        config (str): Path of the config.
        checkpoint (str): The weights.
        out (Path): Where to write the results.
    """
    print(f'Testing {checkpoint} with {config}', flush=True)
    command = [sys.executable, str(ROOT / 'tools/test.py'), config, checkpoint]
    command += ['--out', str(out), '--work-dir', str(out.with_suffix(''))]
    # A process of its own: a runner leaves loggers and scopes behind.
    if subprocess.run(command).returncode:
        fail(parser, f'the test of {checkpoint} with {config} failed')


def read_test_sets(
    parser: argparse.ArgumentParser,
    args: argparse.Namespace,
    cfgs: list[Config],
) -> list[TestSet]:
    """Read the test sets, or end with what makes them incomparable.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        args (argparse.Namespace): The command line.
        cfgs (list[Config]): Of the experiments.

    Returns:
        list[TestSet]: Of the experiments.
    """

    sets = []
    for (name, config, _), cfg in zip(args.experiment, cfgs):
        with one_line_errors(parser, config):
            try:
                sets.append(read_test_set(cfg))
            except ValueError as error:
                fail(parser, f'{name}: {error}')
        differs = sets[-1].differs_from(sets[0])
        if differs:
            fail(
                parser,
                f'{name} is tested on {differs} than {args.experiment[0][0]}, '
                'so that they cannot be compared; test_dataloader.dataset of '
                'the configs says on which',
            )
    return sets


def evaluate(
    parser: argparse.ArgumentParser,
    name: str,
    cfg: Config,
    test_set: TestSet,
    results: str,
) -> Experiment:
    """Evaluate the results of an experiment, or end with what is wrong.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        name (str): Of the experiment.
        cfg (Config): Its config.
        test_set (TestSet): Its test set.
        results (str): The ``.pkl`` of the test.

    Returns:
        Experiment: Numbers, and what was found.
    """

    try:
        experiment = collect(name, cfg, test_set, results)
    except ValueError as error:
        fail(parser, f'{name}: {error}')
    for warning in experiment.result.warnings:
        print(f'warning: {name}: {warning}', file=sys.stderr)
    return experiment


def find_photos(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> tuple[list[Path], dict[str, np.ndarray]]:
    """Find further photos and their labels.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        args (argparse.Namespace): The command line.

    Returns:
        tuple[list[Path], dict[str, np.ndarray]]: Their files, and the
        corners (k, 4) of faces by name, where these are known.
    """
    if args.photos is None:
        return [], {}
    if not args.photos.is_dir():
        fail(parser, f'--photos {args.photos}: no such folder')
    photos = sorted(
        x for x in args.photos.iterdir() if x.suffix.lower() in IMAGE_SUFFIXES
    )
    if not photos:
        fail(parser, f'--photos {args.photos}: has no image')
    for photo in photos:  # before anything takes long
        try:
            read_photo(photo)
        except ValueError as error:
            fail(parser, f'--photos {error}')
    faces = {}
    for path in args.labels or ():
        try:
            truth = read_dark_face(path)
        except ValueError as error:
            fail(parser, f'--labels {error}')
        (setting,) = truth.settings.values()
        faces.update(zip(truth.names, setting.faces))
    return photos, faces


def show_table(experiments: list[Experiment]) -> str:
    """Format the table for the terminal.

    Args:
        experiments (list[Experiment]): In the order of the rows.

    Returns:
        str: Lines.
    """

    lines = [HEAD, *table(experiments)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    texts = []
    for *words, ap in lines:
        cells = [f'{x:{w}}' for x, w in zip(words, widths)]
        texts.append('  '.join([*cells, f'{ap:>{widths[-1]}}']))
    return '\n'.join(texts)


def main(argv: list[str] | None = None) -> None:
    """Report.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    cfgs = read_experiments(parser, args)
    photos, faces = find_photos(parser, args)
    check_writable(parser, args.output_dir, f'folder {args.output_dir}')

    init_default_scope('mmdet')
    test_sets = read_test_sets(parser, args, cfgs)
    experiments = []
    for (name, config, source), cfg, test_set in zip(
        args.experiment, cfgs, test_sets
    ):
        if not source.endswith(DUMPS):
            out = args.output_dir / f'{name}.pkl'
            test(parser, config, source, out)
            source = str(out)
        experiments.append(evaluate(parser, name, cfg, test_set, source))
    print(f'\n{show_table(experiments)}\n')
    numbers = {
        x.name: dict(
            training_dataset=x.train_set,
            testing_dataset=x.test_set.name,
            **x.result.as_json(),
        )
        for x in experiments
    }
    write_json(parser, args.output_dir / 'numbers.json', numbers)

    detector = None
    if photos:
        forms = {'raw': lambda x: x, args.process: METHODS[args.process]}
        detector = PhotoDetector(
            cfgs[-1],
            args.weights,
            args.photo_scale,
            args.score_thr,
            forms,
            faces,
        )
    try:
        page = write_page(
            args.output_dir / 'report.html',
            experiments,
            args.num_pictures,
            args.score_thr,
            detector,
            track(photos, 'Photos', disable=not photos),
        )
    except (OSError, ValueError) as error:
        fail(parser, str(error))
    print(f'Page: {page}')


if __name__ == '__main__':
    main()
