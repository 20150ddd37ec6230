#!/usr/bin/env python3
"""Write a VOC-style set as COCO json.

mmsrn itself needs no conversion: its ``VOCFaceDataset`` reads the xml files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsrn.utils.errors import UserError, user_errors


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description='Convert the VOC-style xml annotations of one split to '
        'COCO json. --class-map renames or merges classes. Boxes '
        'marked difficult become crowds (iscrowd 1), which mmdet '
        'ignores. Coordinates are shifted from base 1 to base 0, '
        'as mmdet reads VOC.',
        epilog='example: %(prog)s data/facemask train.txt, or with two '
        'classes: --class-map with_mask=masked without_mask=bare '
        'mask_weared_incorrect=bare',
    )
    parser.add_argument(
        'data_root', type=Path, help='folder of images, xml files and splits'
    )
    parser.add_argument(
        'split',
        help='list of image names without suffix, one per line, below '
        'DATA_ROOT, such as train.txt',
    )
    parser.add_argument(
        '--out',
        type=_json_file,
        metavar='JSON',
        help='file to write, *.json (default: DATA_ROOT/SPLIT.json)',
    )
    parser.add_argument(
        '--class-map',
        nargs='+',
        type=_mapping,
        default=[('*', 'face')],
        metavar='NAME=CLASS',
        help='class for each name in the xml files; * matches every other '
        "name (default: '*=face')",
    )
    parser.add_argument(
        '--img-subdir',
        default='images',
        help='folder of images below DATA_ROOT (default: images)',
    )
    parser.add_argument(
        '--ann-subdir',
        default='annotations',
        help='folder of xml files below DATA_ROOT (default: annotations)',
    )
    return parser


def _json_file(text: str) -> Path:
    # Anything else may be what the set consists of, such as its list.
    if Path(text).suffix != '.json':
        raise argparse.ArgumentTypeError(f'{text}: must end in .json')
    return Path(text)


def _mapping(text: str) -> tuple[str, str]:
    name, equals, label = text.partition('=')
    if not (name and equals and label):
        raise argparse.ArgumentTypeError(
            f'{text!r} must have the form NAME=CLASS'
        )
    return name, label


def convert(args: argparse.Namespace) -> str:
    """Convert one split; return a line on what was written."""
    split = args.data_root / args.split
    if not split.is_file():
        near = ', '.join(sorted(x.name for x in split.parent.glob('*.txt')))
        raise ValueError(
            f'{split}: no such file; the folder has {near or "no list"}'
        )
    from mmsrn.datasets import VOCFaceDataset
    from mmsrn.utils.coco_writer import coco_dict, write_coco

    class_map = dict(args.class_map)
    dataset = VOCFaceDataset(
        # Labels in the order of the map, each once.
        metainfo=dict(classes=tuple(dict.fromkeys(class_map.values()))),
        class_map=class_map,
        data_root=str(args.data_root),
        ann_file=args.split,
        data_prefix=dict(sub_data_root=''),
        img_subdir=args.img_subdir,
        ann_subdir=args.ann_subdir,
        test_mode=True,  # keeps images without boxes
        serialize_data=False,
    )
    name = Path(args.split).stem
    coco = coco_dict(
        dataset.data_list,
        dataset.metainfo['classes'],
        args.data_root / args.img_subdir,
        f'{args.data_root.resolve().name} {name}, converted by mmsrn',
    )
    return write_coco(coco, args.out or args.data_root / f'{name}.json')


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Convert."""
    args = make_parser().parse_args(argv)
    if not args.data_root.is_dir():
        raise UserError(f'{args.data_root}: no such folder')
    try:
        print(convert(args))
    except (ValueError, OSError) as error:
        raise UserError(str(error)) from error


if __name__ == '__main__':
    main()
