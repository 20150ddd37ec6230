#!/usr/bin/env python3
"""Convert a checkpoint of the published SRN code to mmsrn's names."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmsrn.utils.errors import UserError, user_errors


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='example: %(prog)s SRN.pth srn_r50_mmsrn.pth',
    )
    parser.add_argument('src', type=Path, help='published checkpoint')
    parser.add_argument('dst', type=Path, help='checkpoint to write')
    return parser


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Convert."""
    args = make_parser().parse_args(argv)
    # Imports torch and mmdet, which --help need not wait for.
    from mmsrn.models.utils.srn_checkpoint import CheckpointError, convert_file

    try:
        unmatched = convert_file(args.src, args.dst)
    except CheckpointError as error:
        problem, *tensors = str(error).splitlines()
        for line in tensors:
            print(line, file=sys.stderr)
        raise UserError(problem) from error
    for name in unmatched:
        print(f'skipped, not an SRN tensor: {name}')
    print(f'wrote {args.dst}')
    print('test it with configs/srn/srn_r50_fpn_official-weights_widerface.py')


if __name__ == '__main__':
    main()
