"""Draw synthetic faces, train and test a small SRN on them, write a report.

Everything is made on the spot: nothing is downloaded, and no photograph is
involved. The numbers show that the code works, not how good a detector is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmsrn.cli.arguments import positive
from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import check_writable

from .report import Outcome, write_report
from .synthetic_faces import MARKER, write_synthetic_wider_face

ROOT = Path(__file__).resolve().parents[1]

CONFIG = ROOT / 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
# The drawings do not depend on --seed: runs of other seeds share the data.
DATA_SEED = 0
VAL_SHARE = 0.2
STATE = 'demo_state.json'


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description='Draw a synthetic data set, train a small SRN on it, '
        'test it and write a report with pictures. A second run '
        'reuses the data set and, if the settings and the code '
        'of the model are unchanged, the finished training. It '
        'resumes an interrupted training.'
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=ROOT / 'work_dirs/demo',
        help='folder for data, logs and report (default: work_dirs/demo)',
    )
    parser.add_argument(
        '--epochs',
        type=positive,
        help='number of epochs (default: set by the config)',
    )
    parser.add_argument(
        '--images',
        type=positive,
        default=300,
        help='training images to draw (default: 300); one fifth as many are '
        'added for validation',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='seed of the training (default: 0)'
    )
    parser.add_argument(
        '--fresh',
        action='store_true',
        help='draw and train again, even if results exist',
    )
    return parser


def load_config(args: argparse.Namespace, data: Path) -> Config:
    """Read the demo's config and set what the command line says."""
    cfg = Config.fromfile(CONFIG)
    cfg.work_dir = str(args.work_dir / 'train')
    cfg.randomness = {'seed': args.seed}
    for loader in ('train', 'val', 'test'):
        cfg[f'{loader}_dataloader'].dataset.data_root = f'{data}/'
    if args.epochs:
        cfg.train_cfg.max_epochs = args.epochs
        for scheduler in cfg.param_scheduler:
            if scheduler.type == 'CosineAnnealingLR':
                scheduler.T_max = args.epochs
    return cfg


def fingerprint(cfg: Config, num_images: int) -> str:
    """Hash of all that decides the outcome of the training."""
    digest = hashlib.sha256(cfg.pretty_text.encode())
    digest.update(f'{num_images} {DATA_SEED}'.encode())
    for part in ('models', 'datasets'):
        for file in sorted((ROOT / 'mmsrn' / part).rglob('*.py')):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def made_here(folder: Path, marker: str) -> bool:
    """Whether nothing is lost with a folder: it is the demo's, or empty."""
    if not folder.is_dir():
        return not folder.exists()
    return (folder / marker).is_file() or not any(folder.iterdir())


def read_state(file: Path) -> dict:
    """What the last training left; an unreadable state counts as none."""
    try:
        state = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def write_state(file: Path, state: dict) -> None:
    """Keep a state; it is there whole or not at all."""
    with atomic_file(file) as partial:
        partial.write_text(json.dumps(state))


def train(cfg: Config, mark: str) -> tuple[Runner, float, str]:
    """Train, or take what an earlier run left.

    Args:
        cfg: The config; gets ``load_from`` or ``resume`` where that applies.
        mark: :func:`fingerprint` of the run.

    Returns:
        The runner with the trained weights (or the path to them), the
        seconds of the training, and a note on what was reused.
    """
    folder = Path(cfg.work_dir)
    state_file = folder / STATE
    state = read_state(state_file)
    same = state.get('fingerprint') == mark
    checkpoint = folder / f'epoch_{cfg.train_cfg.max_epochs}.pth'
    if same and state.get('finished') and checkpoint.is_file():
        note = 'the weights of an earlier run with the same settings'
        print(
            f'Not training again: {note} ({checkpoint}); add --fresh to '
            'train again.'
        )
        cfg.load_from = str(checkpoint)
        return Runner.from_cfg(cfg), state['seconds'], note
    note = ''
    if same and (folder / 'last_checkpoint').is_file():
        note = 'an interrupted run was resumed'
        print(f'{folder}: resuming the interrupted training.')
        cfg.resume = True
    elif folder.exists():
        shutil.rmtree(folder)
    done = state.get('seconds', 0.0) if cfg.resume else 0.0
    begin = time.monotonic()
    state = {'fingerprint': mark, 'finished': False, 'seconds': done}
    write_state(state_file, state)
    runner = Runner.from_cfg(cfg)
    try:
        runner.train()
        state['finished'] = True
    finally:
        state['seconds'] = done + time.monotonic() - begin
        write_state(state_file, state)
    return runner, state['seconds'], note


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Run the demo.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    args = make_parser().parse_args(argv)
    args.work_dir = args.work_dir.resolve()
    check_writable(args.work_dir, f'--work-dir {args.work_dir}')
    begin = time.monotonic()
    data, training = args.work_dir / 'data', args.work_dir / 'train'
    for folder, marker in ((data, MARKER), (training, STATE)):
        if not made_here(folder, marker):
            raise UserError(
                f'{folder} was not made by the demo (it has no {marker}), '
                'which would replace it; choose another --work-dir'
            )
    if args.fresh:
        for old in (data, training):
            shutil.rmtree(old, ignore_errors=True)
    num_val = max(2, round(args.images * VAL_SHARE))
    drawn = write_synthetic_wider_face(
        data, args.images, num_val, seed=DATA_SEED
    )
    if not drawn:
        print(f'Using the synthetic set in {data}.')
    times = {'drawing': time.monotonic() - begin}

    cfg = load_config(args, data)
    mark = fingerprint(cfg, args.images)
    results = args.work_dir / 'results.pkl'
    cfg.test_evaluator = [
        cfg.test_evaluator,
        {'type': 'DumpResults', 'out_file_path': str(results)},
    ]
    runner, times['training'], note = train(cfg, mark)

    begin = time.monotonic()
    metrics = runner.test()
    times['testing'] = time.monotonic() - begin
    outcome = Outcome(
        runner=runner,
        cfg=cfg,
        metrics=metrics,
        results=results,
        num_train=args.images,
        times=times,
        note=note,
    )
    report, summary = write_report(args.work_dir, outcome)
    print(f'\n{summary}\n\nReport: {report}')


if __name__ == '__main__':
    main()
