#!/usr/bin/env python3
"""Draw what the network gets: augmented images, boxes, anchors of each step.

Works with every config of a detector; the pictures of the steps need a head
of the type SRNHead. The second step starts from anchors that the first step
moved, and only a trained network moves them: --checkpoint names one, and
without it the pictures show the anchors where the generator put them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mmsrn.cli.arguments import add_cfg_options, add_trust, positive
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
    import numpy as np
    from matplotlib.figure import Figure
    from mmengine.config import Config
    from network_view import NetworkView, Seen
    from torch.utils.data import Dataset

SPLITS = ('train', 'val', 'test')
EXAMPLES = """
examples:
  %(prog)s configs/srn/srn_r50_fpn_1xb32-130e_widerface.py \\
      --output-dir work_dirs/browse --not-show
  %(prog)s CONFIG --split val --num 5 --seed 3 --output-dir DIR --not-show
  %(prog)s CONFIG --checkpoint work_dirs/NAME/epoch_10.pth --output-dir DIR \\
      --cfg-options train_dataloader.dataset.data_root=/my/widerface/
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--output-dir',
        type=Path,
        metavar='DIR',
        help='folder for the pictures: NUMBER_NAME.png, and beside it '
        '_step1.png and _step2.png',
    )
    parser.add_argument(
        '--num',
        type=positive,
        default=10,
        help='images to draw, chosen at random (default: 10)',
    )
    parser.add_argument(
        '--split',
        choices=SPLITS,
        default='train',
        help='whose images and pipeline (default: train)',
    )
    parser.add_argument(
        '--steps',
        action=argparse.BooleanOptionalAction,
        help='draw the anchors of both steps (default: if the head is an '
        'SRNHead)',
    )
    parser.add_argument(
        '--checkpoint',
        metavar='FILE',
        help='network that moves the anchors of the second step',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of the choice and of the augmentation (default: 0)',
    )
    show = parser.add_mutually_exclusive_group()
    show.add_argument(
        '--show',
        action='store_true',
        default=None,
        help='show each picture in a window; a key goes on, Esc ends '
        '(default: if there is a display)',
    )
    show.add_argument(
        '--not-show',
        action='store_false',
        dest='show',
        help='write the files only',
    )
    parser.add_argument(
        '--show-interval',
        type=float,
        default=2,
        metavar='SECONDS',
        help='time of each picture in the window, 0: until a key is pressed '
        '(default: 2)',
    )
    add_cfg_options(parser)
    add_trust(parser)
    return parser


def decide_show(args: argparse.Namespace) -> bool:
    """Whether to open a window; ends the program if nothing would come out."""
    display = sys.platform != 'linux' or bool(
        os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')
    )
    if args.show and not display:
        raise UserError('--show: there is no display; use --output-dir DIR')
    show = display if args.show is None else args.show
    if not show and args.output_dir is None:
        why = 'there is no display' if args.show is None else '--not-show'
        raise UserError(f'{why}: name a folder for the pictures, --output-dir')
    return show


def build_dataset(cfg: Config, split: str) -> Dataset:
    """Build the dataset of a split, or end with what is wrong with it.

    Args:
        cfg (Config): The complete config.
        split (str): One of :data:`SPLITS`.

    Returns:
        Dataset: With one image at least.
    """
    from mmdet.registry import DATASETS
    from mmengine.dataset import BaseDataset

    loader = cfg.get(f'{split}_dataloader')
    if not loader:
        there = [x for x in SPLITS if cfg.get(f'{x}_dataloader')]
        raise UserError(
            f'the config has no {split}_dataloader; --split takes '
            f'{" or ".join(there) or "nothing here"}'
        )
    key = f'{split}_dataloader.dataset'
    check_data(cfg, (split,))
    for leaf in innermost_datasets(loader.dataset):
        kind = DATASETS.get(leaf.type) if 'type' in leaf else None
        if isinstance(kind, type) and issubclass(kind, BaseDataset):
            # Nothing is sent to workers, and an empty list has no bytes.
            leaf.serialize_data = False
    dataset = DATASETS.build(loader.dataset)
    if len(dataset) == 0:
        files = ', '.join(
            str(x.ann_file)
            for x in innermost_datasets(loader.dataset)
            if 'ann_file' in x
        )
        raise UserError(
            f'{key} has no image: {files or "it"} is empty, or filter_cfg '
            'leaves nothing'
        )
    return dataset


def load_sample(dataset: Dataset, index: int, seed: int) -> dict:
    """Augment one image, the same for the same seed.

    Args:
        dataset (Dataset): With its pipeline.
        index (int): Which image.
        seed (int): Of all samples; how many others are drawn plays no part.

    Returns:
        dict: What the pipeline packs: one image, or the program ends.
    """
    import numpy as np
    import torch
    from mmengine.runner import set_random_seed

    state = np.random.SeedSequence([seed % 2**32, index]).generate_state(1)
    set_random_seed(int(state[0]))
    data = dataset[index]
    inputs = data.get('inputs') if isinstance(data, dict) else None
    if not isinstance(inputs, torch.Tensor) or inputs.dim() != 3:
        raise UserError(
            'the pipeline does not end in PackDetInputs with one image; '
            'configs of videos and of semi-supervised training cannot be '
            'browsed'
        )
    return data


def pictures(seen: Seen) -> Iterator[tuple[str, Figure]]:
    """Draw one sample.

    Args:
        seen (Seen): The sample as the network gets it.

    Yields:
        tuple[str, Figure]: End of the file's name, and figure.
    """
    from mmsrn.visualization import draw_assignment, draw_ground_truth

    yield (
        '',
        draw_ground_truth(
            seen.image, seen.boxes, seen.ignored, seen.name, seen.labels
        ),
    )
    for step in seen.steps:
        yield (
            f'_step{step.step}',
            draw_assignment(seen.image, step, seen.name),
        )


def show_window(picture: np.ndarray, title: str, seconds: float) -> bool:
    """Show a picture; False if the user wants no more."""
    import cv2

    cv2.imshow('browse_dataset', picture)
    cv2.setWindowTitle('browse_dataset', title)
    return cv2.waitKey(round(seconds * 1000)) != 27


def browse(
    args: argparse.Namespace,
    dataset: Dataset,
    view: NetworkView,
) -> dict[int, list[int]]:
    """Draw samples and write or show the pictures.

    Args:
        args (argparse.Namespace): The command line.
        dataset (Dataset): Images to choose from.
        view (NetworkView): Makes of a sample what the network gets.

    Returns:
        dict[int, list[int]]: By step: faces, and faces without an anchor.
    """
    import cv2
    import numpy as np
    from rich.progress import track

    from mmsrn.visualization import rasterise

    rng = np.random.default_rng(args.seed % 2**32)
    num = min(args.num, len(dataset))
    indices = sorted(rng.choice(len(dataset), num, replace=False).tolist())
    counts: dict[int, list[int]] = {}
    for index in track(indices, 'Drawing samples'):
        seen = view(load_sample(dataset, index, args.seed))
        for step in seen.steps:
            count = counts.setdefault(step.step, [0, 0])
            count[0] += len(step.faces)
            count[1] += int((~step.found).sum())
        for end, figure in pictures(seen):
            name = f'{index:05d}_{Path(seen.name).stem}{end}.png'
            picture = rasterise(figure)
            if args.output_dir is not None:
                with output_file(args.output_dir / name) as partial:
                    if not cv2.imwrite(str(partial), picture):
                        raise OSError('OpenCV could not write it')
            if args.show and not show_window(
                picture, name, args.show_interval
            ):
                return counts
    return counts


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Draw.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    trust_checkpoints(args.trust_checkpoint)
    if args.checkpoint is not None:
        check_checkpoint(
            args.checkpoint,
            'without --checkpoint the anchors are drawn unmoved',
        )
    from mmengine.registry import init_default_scope
    from network_view import NetworkView

    cfg = read_config(args.config, args.cfg_options)
    args.show = decide_show(args)
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    with one_line_errors(args.config):
        try:
            view = NetworkView(cfg, args.steps, args.checkpoint, args.split)
        except ValueError as error:
            raise UserError(f'{args.config}: {error}') from error
        dataset = build_dataset(cfg, args.split)
        view.classes = dataset.metainfo.get('classes') or ()
        counts = browse(args, dataset, view)
    for step, (faces, orphans) in counts.items():
        print(f'step {step}: {orphans} of {faces} faces have no anchor')
    if args.output_dir is not None:
        print(f'Pictures: {args.output_dir}')


if __name__ == '__main__':
    main()
