#!/usr/bin/env python
"""Convert a checkpoint of the published SRN code to mmsrn's names."""

import argparse
import sys
from pathlib import Path

from mmsrn.models.utils.srn_checkpoint import CheckpointError, convert_file


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='example: %(prog)s SRN.pth srn_r50_mmsrn.pth',
    )
    parser.add_argument('src', type=Path, help='published checkpoint')
    parser.add_argument('dst', type=Path, help='checkpoint to write')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    try:
        unmatched = convert_file(args.src, args.dst)
    except CheckpointError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    for name in unmatched:
        print(f'not an SRN tensor, left out: {name}')
    print(f'wrote {args.dst}')
    print('test it with configs/srn/srn_r50_fpn_official-weights_widerface.py')
    return 0


if __name__ == '__main__':
    sys.exit(main())
