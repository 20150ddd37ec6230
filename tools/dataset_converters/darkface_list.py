#!/usr/bin/env python3
"""Write a split of DARK FACE as a list of image names and their faces.

Other projects train from such lists, and eval_darkface.py takes one as ground
truth. The project's own splits follow a rule and need only the label files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsrn.cli.arguments import program_parser
from mmsrn.evaluation.readers import read_dark_face, split_names
from mmsrn.evaluation.readers.dark_face_splits import (
    OWN_SPLITS,
    PUBLISHED_SPLITS,
    split_file,
)
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import output_file


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(
        __doc__, 'example: %(prog)s data/darkface own_5000_1000/test'
    )
    parser.add_argument('data_root', type=Path, help='folder of the data set')
    parser.add_argument(
        'split',
        help=f'{", ".join(OWN_SPLITS)}, or a file of names below DATA_ROOT, '
        'such as mine.txt',
    )
    parser.add_argument(
        '--labels',
        default='label',
        metavar='PATH',
        help='folder of label files, or list with boxes, below DATA_ROOT '
        '(default: label)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='LIST',
        help='file to write (default: DATA_ROOT/split_SPLIT.txt)',
    )
    return parser


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Write the list."""
    args = make_parser().parse_args(argv)
    labels = args.data_root / args.labels
    out = args.out
    if out is None and args.split in PUBLISHED_SPLITS:
        raise UserError(
            f'{args.data_root / split_file(args.split)} is a published list '
            'and is not overwritten; name another file with --out'
        )
    if out is None:
        out = args.data_root / split_file(args.split.removesuffix('.txt'))
    for source in (labels, args.data_root / args.split):
        if out.resolve() == source.resolve():
            raise UserError(
                f'{out} is the input; name another file with --out'
            )
    try:
        names = split_names(args.split, args.data_root)
        truth = read_dark_face(labels)
    except ValueError as error:
        raise UserError(str(error)) from error
    faces = dict(zip(truth.names, truth.settings['ap'].faces))
    missing = [name for name in names if name not in faces]
    if missing:
        raise UserError(
            f'{labels}: has no faces for {len(missing):,} of {len(names):,} '
            f'images (first: {missing[0]})'
        )
    with (
        output_file(out) as partial,
        open(partial, 'w', encoding='utf-8') as file,
    ):
        for name in names:
            words = [f'{name}.png', str(len(faces[name]))]
            for x1, y1, x2, y2 in faces[name].tolist():
                box = (x1, y1, x2 - x1, y2 - y1)
                words += [f'{value:.10g}' for value in box] + ['1']
            file.write(' '.join(words) + '\n')
    count = sum(len(faces[name]) for name in names)
    print(f'{out}: {len(names):,} images, {count:,} faces')


if __name__ == '__main__':
    main()
