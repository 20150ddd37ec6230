#!/usr/bin/env python3
"""Draw what the network gets: augmented images, boxes, anchors of each step.

Works with every config of a detector; the pictures of the steps need an
SRNHead. The second step starts from anchors that the first step of a trained
network moved: name one with --checkpoint. Without it, the pictures show the
anchors where the generator placed them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmsrn.cli.arguments import (
    add_cfg_options,
    add_trust,
    positive,
    program_parser,
)
from mmsrn.cli.config import (
    check_data,
    innermost_datasets,
    read_config,
)
from mmsrn.cli.config_errors import one_line_errors
from mmsrn.cli.launch import check_checkpoint, require_mmdet
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import output_file
from mmsrn.utils.trust import trust_checkpoints

require_mmdet()

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch.utils.data import Dataset

    from mmsrn.visualization import NetworkView

SPLITS = ('train', 'val', 'test')
EXAMPLES = """
examples:
  %(prog)s configs/srn/srn_r50_fpn_8xb4-130e_widerface.py \\
      --output-dir work_dirs/browse
  %(prog)s CONFIG --split val --num 5 --seed 3 --output-dir DIR
  %(prog)s CONFIG --checkpoint work_dirs/NAME/epoch_10.pth --output-dir DIR \\
      --cfg-options train_dataloader.dataset.data_root=/my/widerface/
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__, EXAMPLES)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--output-dir',
        type=Path,
        default=Path('work_dirs/browse_dataset'),
        metavar='DIR',
        help='folder for the pictures NUMBER_NAME.png, NUMBER_NAME_step1.png '
        'and NUMBER_NAME_step2.png (default: work_dirs/browse_dataset)',
    )
    parser.add_argument(
        '--num',
        type=positive,
        default=10,
        help='number of images, chosen at random (default: 10)',
    )
    parser.add_argument(
        '--split',
        choices=SPLITS,
        default='train',
        help='split to draw from, with its pipeline (default: train)',
    )
    parser.add_argument(
        '--checkpoint',
        metavar='FILE',
        help='checkpoint of the network that moves the anchors of the '
        'second step',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='seed of the choice and the augmentation (default: 0)',
    )
    add_cfg_options(parser)
    add_trust(parser)
    return parser


def build_dataset(cfg: Config, split: str) -> Dataset:
    """Build the dataset of a split, or end with what is wrong with it."""
    from mmdet.registry import DATASETS
    from mmengine.dataset import BaseDataset

    loader = cfg.get(f'{split}_dataloader')
    if not loader:
        there = [x for x in SPLITS if cfg.get(f'{x}_dataloader')]
        raise UserError(
            f'the config has no {split}_dataloader; use --split '
            f'{" or ".join(there) or "nothing here"}'
        )
    check_data(cfg, (split,))
    leaves = innermost_datasets(loader.dataset)
    for leaf in leaves:
        kind = DATASETS.get(leaf.type) if 'type' in leaf else None
        if isinstance(kind, type) and issubclass(kind, BaseDataset):
            # Nothing is sent to workers, and an empty list has no bytes.
            leaf.serialize_data = False
    dataset = DATASETS.build(loader.dataset)
    if len(dataset) == 0:
        files = ', '.join(str(x.ann_file) for x in leaves if 'ann_file' in x)
        raise UserError(
            f'{split}_dataloader.dataset has no image: {files or "it"} is '
            'empty, or filter_cfg leaves nothing'
        )
    return dataset


def browse(
    args: argparse.Namespace,
    dataset: Dataset,
    view: NetworkView,
) -> dict[int, list[int]]:
    """Draw samples; return by step: faces, and faces without an anchor."""
    import cv2
    import numpy as np
    from rich.progress import track

    from mmsrn.visualization import (
        draw_assignment,
        draw_ground_truth,
        rasterise,
    )
    from mmsrn.visualization.network_view import load_sample

    rng = np.random.default_rng(args.seed % 2**32)
    num = min(args.num, len(dataset))
    indices = sorted(rng.choice(len(dataset), num, replace=False).tolist())
    counts: dict[int, list[int]] = {}
    for index in track(indices, 'Drawing samples'):
        seen = view(load_sample(dataset, index, args.seed))
        figures = {
            '': draw_ground_truth(
                seen.image, seen.boxes, seen.ignored, seen.name, seen.labels
            )
        }
        for step in seen.steps:
            count = counts.setdefault(step.step, [0, 0])
            count[0] += len(step.faces)
            count[1] += int((~step.found).sum())
            figures[f'_step{step.step}'] = draw_assignment(
                seen.image, step, seen.name
            )
        for end, figure in figures.items():
            name = f'{index:05d}_{Path(seen.name).stem}{end}.png'
            with output_file(args.output_dir / name) as partial:
                if not cv2.imwrite(str(partial), rasterise(figure)):
                    raise OSError('OpenCV could not write it')
    return counts


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Draw."""
    args = make_parser().parse_args(argv)
    trust_checkpoints(args.trust_checkpoint)
    if args.checkpoint is not None:
        check_checkpoint(
            args.checkpoint,
            'without --checkpoint, the anchors are drawn where they start',
        )
    from mmengine.registry import init_default_scope

    from mmsrn.visualization.network_view import NetworkView, keeps_boxes

    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    with one_line_errors(args.config):
        dataset = build_dataset(cfg, args.split)
        leaves = innermost_datasets(cfg[f'{args.split}_dataloader'].dataset)
        try:
            view = NetworkView(
                cfg.get('model') or {},
                args.checkpoint,
                training=args.split == 'train',
                scale_boxes=any(map(keeps_boxes, leaves)),
                classes=dataset.metainfo.get('classes') or (),
            )
        except ValueError as error:
            raise UserError(f'{args.config}: {error}') from error
        counts = browse(args, dataset, view)
    for step, (faces, orphans) in counts.items():
        print(f'step {step}: {orphans} of {faces} faces have no anchor')
    print(f'Pictures: {args.output_dir}')


if __name__ == '__main__':
    main()
