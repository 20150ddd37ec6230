#!/usr/bin/env python3
"""Write WIDER FACE's text annotations as COCO json.

mmsrn itself needs no conversion: its ``WiderFaceDataset`` reads the text.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsrn.utils.errors import UserError, user_errors


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description='Convert the annotations of WIDER FACE to COCO json, one '
        'file per split: wider_face_train.json, '
        'wider_face_val.json. Each annotation keeps the six '
        'attributes of its face. Boxes without area are dropped.',
        epilog='example: %(prog)s data/widerface --splits val',
    )
    parser.add_argument(
        'data_root',
        type=Path,
        help='folder with wider_face_split/ and WIDER_*/images/',
    )
    parser.add_argument(
        '--out-dir',
        type=Path,
        help='folder to write to (default: DATA_ROOT/annotations)',
    )
    parser.add_argument(
        '--splits',
        nargs='+',
        default=['train', 'val'],
        metavar='SPLIT',
        help='splits to convert (default: train val)',
    )
    parser.add_argument(
        '--invalid-boxes',
        choices=['ignore', 'keep', 'drop'],
        default='ignore',
        help='faces marked invalid: ignore them (iscrowd 1; the default), '
        'keep or drop them',
    )
    parser.add_argument(
        '--image-sizes',
        type=Path,
        metavar='CSV',
        help='table of name,width,height (name without suffix) to use '
        'instead of the images (default: read the image headers)',
    )
    return parser


def convert(args: argparse.Namespace, split: str) -> str:
    """Convert one split; return a line on what was written."""
    ann_file = f'wider_face_split/wider_face_{split}_bbx_gt.txt'
    images = args.data_root / f'WIDER_{split}/images'
    # Without its annotations the split is missing, not just its images.
    if (
        args.image_sizes is None
        and (args.data_root / ann_file).is_file()
        and not any(images.glob('*/*'))
    ):
        raise ValueError(
            f'{images}: no images to read sizes from; put them where '
            'data/README.md shows, or give a table with --image-sizes'
        )
    from mmsrn.datasets import WiderFaceDataset
    from mmsrn.utils.coco_writer import coco_dict, write_coco

    dataset = WiderFaceDataset(
        data_root=str(args.data_root),
        ann_file=ann_file,
        data_prefix=dict(img=f'WIDER_{split}/images/'),
        invalid_boxes=args.invalid_boxes,
        image_sizes=args.image_sizes and str(args.image_sizes.resolve()),
        test_mode=True,  # keeps images without faces
        serialize_data=False,
    )
    coco = coco_dict(
        dataset.data_list,
        dataset.metainfo['classes'],
        dataset.data_prefix['img'],
        f'WIDER FACE {split}, converted by mmsrn',
    )
    out_dir = args.out_dir or args.data_root / 'annotations'
    return write_coco(coco, out_dir / f'wider_face_{split}.json')


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Convert."""
    args = make_parser().parse_args(argv)
    if not args.data_root.is_dir():
        raise UserError(
            f'{args.data_root}: no such folder; data/README.md shows how to '
            'lay out WIDER FACE'
        )
    for split in args.splits:
        try:
            print(convert(args, split))
        except (ValueError, OSError) as error:
            raise UserError(str(error)) from error


if __name__ == '__main__':
    main()
