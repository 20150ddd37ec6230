#!/usr/bin/env python3
"""Print the size distribution of faces and the number of faces per image.

For a config, it counts the faces that its pipeline gets, after filters and
before augmentation. With --dataset, it reads annotations and needs no images.
The size of a face is the square root of its area in pixels of the original
image.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from mmsrn.cli.arguments import add_cfg_options, program_parser
from mmsrn.cli.config import read_config
from mmsrn.cli.config_errors import one_line_errors
from mmsrn.cli.launch import require_mmdet
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import output_file, write_json

require_mmdet()

if TYPE_CHECKING:
    import numpy as np

    from mmsrn.datasets.face_statistics import FaceStatistics

ALL = 'all of them'
PLOTS = ('.png', '.pdf', '.svg')
EXAMPLES = """
examples:
  %(prog)s configs/srn/srn_r50_fpn_8xb4-130e_widerface.py --split val
  %(prog)s --dataset dark_face data/darkface/label --plot sizes.png
  %(prog)s --dataset dark_face data/darkface/split_5000_1000_*.txt
  %(prog)s --dataset wider_face --json sizes.json \\
      data/widerface/wider_face_split/wider_face_train_bbx_gt.txt
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__, EXAMPLES)
    parser.add_argument(
        'sources',
        nargs='+',
        metavar='SOURCE',
        help='config files, or annotations with --dataset; several are '
        'compared',
    )
    parser.add_argument(
        '--dataset',
        choices=['dark_face', 'wider_face'],
        help='layout of the annotations: dark_face for label folders or '
        'split lists, wider_face for *_bbx_gt.txt',
    )
    parser.add_argument(
        '--split',
        choices=['train', 'val', 'test'],
        default='train',
        help='split of a config (default: train)',
    )
    parser.add_argument('--json', help='also write the numbers to this file')
    parser.add_argument(
        '--plot', type=Path, help=f'plot the distributions: {", ".join(PLOTS)}'
    )
    add_cfg_options(parser)
    return parser


def read_annotations(path: str, dataset: str) -> list[np.ndarray]:
    """Read corners (k, 4) of each image, or end with what is wrong."""
    from mmsrn.evaluation.readers import read_dark_face, read_wider_face_set

    read = {'dark_face': read_dark_face, 'wider_face': read_wider_face_set}
    try:
        (setting,) = read[dataset](path).settings.values()
    except ValueError as error:
        raise UserError(str(error)) from error
    return setting.faces


def read_dataset(args: argparse.Namespace, config: str) -> list[np.ndarray]:
    """Read corners (k, 4) of each image of a config, or end with why not."""
    import numpy as np
    from browse_dataset import build_dataset
    from mmengine.registry import init_default_scope
    from rich.progress import track

    cfg = read_config(config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    with one_line_errors(config):
        dataset = build_dataset(cfg, args.split)
    found = []
    for i in track(
        range(len(dataset)), 'Reading', disable=len(dataset) < 5000
    ):
        instances = dataset.get_data_info(i)['instances']
        boxes = [x['bbox'] for x in instances]
        found.append(np.array(boxes, np.float64).reshape(-1, 4))
    if not any(map(len, found)):
        from mmsrn.datasets.empty_sets import describe_classes, inner_datasets

        told = '; '.join(map(describe_classes, inner_datasets(dataset)))
        raise UserError(
            f'{config}: no image of {args.split} has a box: {told}'
        )
    return found


def short_names(sources: list[str]) -> list[str]:
    """Last parts of paths, as far as they tell them apart."""
    paths = [Path(x).resolve() for x in sources]
    names = [x.stem for x in paths]
    if len(set(names)) < len(names):
        names = [f'{x.parent.name}/{x.stem}' for x in paths]
    return names if len(set(names)) == len(names) else sources


def table(found: dict[str, FaceStatistics]) -> str:
    """Format the numbers of sets, by their names, for the terminal."""
    numbers = {name: x.numbers() for name, x in found.items()}
    widths = [max(10, len(name) + 2) for name in numbers]
    lines = ['', f'{"":26}' + _row(numbers, widths)]
    for key in next(iter(numbers.values())):
        values = [_shown(key, x[key]) for x in numbers.values()]
        lines.append(f'{_label(key):26}' + _row(values, widths))
    return '\n'.join(lines)


def _row(cells, widths: list[int]) -> str:
    return ''.join(f'{x:>{width}}' for x, width in zip(cells, widths))


def _label(key: str) -> str:
    if key.startswith('size_p'):
        return f'size, {key[6:]} % below, px'
    return key.replace('_', ' ').replace('px', ' px')


def _shown(key: str, value: float) -> str:
    if math.isnan(value):
        return '-'
    if key.startswith('under'):
        return f'{value * 100:.1f} %'
    if isinstance(value, int) or key.endswith(('_max', '_median')):
        return f'{value:,.10g}'
    return (
        f'{value:.2f}' if 'ratio' in key or 'over' in key else f'{value:.1f}'
    )


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Measure."""
    args = make_parser().parse_args(argv)
    if args.plot is not None and args.plot.suffix.lower() not in PLOTS:
        raise UserError(f'--plot {args.plot}: must end in {", ".join(PLOTS)}')
    if args.dataset is not None and args.cfg_options is not None:
        raise UserError('--cfg-options works with configs, not with --dataset')

    boxes = {}
    for name, source in zip(short_names(args.sources), args.sources):
        if args.dataset is not None:
            boxes[name] = read_annotations(source, args.dataset)
        else:
            boxes[name] = read_dataset(args, source)
    if len(boxes) > 1:
        boxes[ALL] = [x for part in boxes.values() for x in part]

    from mmsrn.datasets.face_statistics import face_statistics

    found = {name: face_statistics(x) for name, x in boxes.items()}
    print(table(found))
    write(args, found)


def write(
    args: argparse.Namespace,
    found: dict[str, FaceStatistics],
) -> None:
    """Write the files that were asked for."""
    numbers = {
        name: {
            # JSON has no NaN.
            key: None if math.isnan(value) else value
            for key, value in x.numbers().items()
        }
        for name, x in found.items()
    }
    write_json(args.json, numbers)
    if args.plot is not None:
        from mmsrn.visualization import draw_statistics

        figure = draw_statistics(
            {
                name: (x.sizes, x.counts)
                for name, x in found.items()
                if name != ALL
            }
        )
        with output_file(args.plot) as partial:
            figure.savefig(partial, dpi=110)


if __name__ == '__main__':
    main()
