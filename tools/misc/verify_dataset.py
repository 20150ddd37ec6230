#!/usr/bin/env python3
"""Check a copy of WIDER FACE or DARK FACE before the first training.

The published numbers of images and faces, every image present and undamaged,
image sizes, boxes inside their image, lists consistent with label files. The
exit status is 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from pathlib import Path

from mmsrn.cli.arguments import positive, program_parser
from mmsrn.dataset_checks import (
    Problem,
    check_boxes,
    check_counts,
    check_dark_face,
    check_sizes,
    look_up,
    read_images,
)
from mmsrn.evaluation.readers import (
    AnnotationError,
    FaceImage,
    read_wider_face_txt,
)
from mmsrn.evaluation.readers.dark_face_splits import PUBLISHED_SPLITS
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import output_file

WIDER_SPLITS = ('train', 'val')
SHOWN = 10  # problems of each kind
EPILOG = """
A WIDER FACE folder has wider_face_split/ and WIDER_*/images/. A DARK FACE
folder has image/, and label/ or lists split_*.txt, or both.

examples:
  %(prog)s data/widerface --no-images
  %(prog)s data/darkface
  %(prog)s data/darkface --splits 5000_1000/train 5000_1000/test
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__, EPILOG)
    parser.add_argument(
        'data_root', type=Path, help='folder of the data set, see below'
    )
    parser.add_argument(
        '--splits',
        nargs='+',
        metavar='SPLIT',
        help='splits to check (default: train val of WIDER FACE, all lists '
        'of DARK FACE)',
    )
    parser.add_argument(
        '--no-images',
        action='store_true',
        help='check only the annotations (seconds)',
    )
    parser.add_argument(
        '--any-counts',
        action='store_true',
        help='do not compare numbers, or sizes of DARK FACE, with the '
        'published ones; use it for a part of a set or your own set in '
        'this layout',
    )
    parser.add_argument(
        '--workers',
        type=positive,
        default=os.cpu_count() or 1,
        help='threads that decode images (default: one per core)',
    )
    parser.add_argument(
        '--report',
        type=Path,
        help='text file to write all problems to, of which '
        f'{SHOWN} of each kind are printed',
    )
    return parser


def check_split(args: argparse.Namespace, split: str) -> list[Problem]:
    """Check one split, print what is normal about it, return what is not."""
    ann_file = (
        args.data_root / f'wider_face_split/wider_face_{split}_bbx_gt.txt'
    )
    try:
        images = read_wider_face_txt(ann_file)
        tables = read_tables(ann_file)
    except AnnotationError as error:
        return [Problem('unreadable files', split, str(error))]
    problems = []
    if not args.any_counts:
        problems += check_counts(split, images, ann_file)
    sizes = {}
    for table in tables.values():
        sizes.update(table)
    if not args.no_images:
        folder = args.data_root / f'WIDER_{split}' / 'images'
        if not folder.is_dir():
            problems.append(missing_folder(folder))
        else:
            names = [image.name for image in images]
            decoded, damaged = read_images(folder, names, args.workers)
            problems += damaged
            for path, table in tables.items():
                problems += check_sizes(decoded, table, path)
            sizes.update(decoded)
    problems += check_boxes(images, sizes)
    print(summary(split, images, sizes))
    return problems


def read_tables(ann_file: Path) -> dict[Path, dict[str, tuple[int, int]]]:
    """Read widths and heights from the tables beside annotations, if any.

    These are the general one, and the one that training keeps.
    """
    from mmsrn.datasets.image_sizes import read_size_csv

    names = ('image_sizes.csv', f'image_sizes_{ann_file.stem}.csv')
    paths = [ann_file.with_name(name) for name in names]
    return {path: read_size_csv(path) for path in paths if path.is_file()}


def missing_folder(folder: Path) -> Problem:
    """Report a missing folder and where it may be instead."""
    root = folder.parents[1]
    hint = (
        'data/README.md shows the layout; --no-images checks only the '
        'annotations'
    )
    nested = sorted(root.glob(f'*/{folder.parent.name}/images'))
    if nested:
        hint = f'move {nested[0].parent} to {root}'
    return Problem('missing folders', str(folder), hint)


def summary(
    split: str, images: list[FaceImage], sizes: dict[str, tuple[int, int]]
) -> str:
    """Describe a split."""
    faces = [face for image in images for face in image.faces]
    flat = sum(face[2] <= 0 or face[3] <= 0 for face in faces)
    invalid = sum(face[7] for face in faces)
    text = (
        f'{split}: {len(images):,} images, {len(faces):,} faces, of these '
        f'{invalid:,} marked invalid and {flat:,} without area'
    )
    unknown = sum(look_up(sizes, image.name) is None for image in images)
    if unknown:
        text += (
            f'\n{split}: the sizes of {unknown:,} images are unknown, so '
            'their boxes were not checked against them'
        )
    return text


def grouped(problems: list[Problem], limit: int | None = None) -> str:
    """List problems by kind, at most ``limit`` of each."""
    lines = []
    order = sorted(problems, key=lambda x: x.kind)  # stable
    for kind, group in itertools.groupby(order, key=lambda x: x.kind):
        members = list(group)
        lines.append(f'{kind}: {len(members):,}')
        lines += [f'  {x.where}: {x.what}' for x in members[:limit]]
        if limit is not None and len(members) > limit:
            lines.append(f'  ... and {len(members) - limit:,} more')
    return '\n'.join(lines)


def check(args: argparse.Namespace) -> list[Problem]:
    """Check the set that is there; return what is wrong with it."""
    root = args.data_root
    if (root / 'wider_face_split').is_dir():
        problems = []
        for split in args.splits or WIDER_SPLITS:
            problems += check_split(args, split)
        return problems
    if (root / 'label').is_dir() or any(root.glob('split_*.txt')):
        unknown = [x for x in args.splits or () if x not in PUBLISHED_SPLITS]
        if unknown:
            raise UserError(
                f'--splits for DARK FACE takes {", ".join(PUBLISHED_SPLITS)}, '
                f'not {unknown[0]}'
            )
        return check_dark_face(
            root,
            args.splits,
            not args.any_counts,
            None if args.no_images else args.workers,
        )
    near = sorted((*root.glob('*/wider_face_split'), *root.glob('*/label')))
    hint = (
        f'did you mean {near[0].parent}?'
        if near
        else 'data/README.md shows the layout'
    )
    raise UserError(
        f'{root} has no folder wider_face_split, and no folder label or list '
        f'split_*.txt; {hint}'
    )


@user_errors()
def main(argv: list[str] | None = None) -> int:
    """Check; return 0 if all is well, else 1."""
    args = make_parser().parse_args(argv)
    problems = check(args)
    verdict = grouped(problems) or 'No problems found.'
    if args.report is not None:
        with output_file(args.report) as partial:
            partial.write_text(f'{verdict}\n', encoding='utf-8')
    if not problems:
        print(verdict)
        return 0
    print(f'\n{grouped(problems, SHOWN)}')
    if args.report is not None:
        print(f'\nAll problems: {args.report}')
    return 1


if __name__ == '__main__':
    sys.exit(main())
