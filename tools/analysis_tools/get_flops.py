#!/usr/bin/env python3
"""Count the parameters and FLOPs of models, as a table of Markdown.

Each config is run with random weights on one image. Convolutions, deformable
ones as well, and matrix products are counted, a multiplication and its
addition as one. Norms, activations, interpolation and post-processing are left
out: there is no common rule to count them, and they make up a few thousandths.
Two-stage detectors get test_cfg.rpn.max_per_img regions, so that the count
does not depend on the weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsrn.cli.arguments import positive, program_parser
from mmsrn.cli.config import read_config
from mmsrn.cli.config_errors import one_line_errors
from mmsrn.cli.launch import require_mmdet
from mmsrn.utils.errors import UserError, user_errors

require_mmdet()


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__)
    parser.add_argument('configs', nargs='+', metavar='CONFIG')
    parser.add_argument(
        '--size',
        type=positive,
        nargs='+',
        default=[640],
        metavar='PIXELS',
        help='height and width of the input, or one number for both '
        '(default: 640)',
    )
    return parser


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Count and print."""
    args = make_parser().parse_args(argv)
    if len(args.size) > 2:
        raise UserError('--size takes one or two numbers')
    size = (args.size[0], args.size[-1])
    cfgs = [read_config(config) for config in args.configs]
    from mmsrn.models.utils.model_cost import count

    print('| config | parameters (M) | GFLOPs |\n| --- | --- | --- |')
    for config, cfg in zip(args.configs, cfgs):
        with one_line_errors(config):
            params, operations = count(cfg, size)
        name = Path(config).stem
        print(f'| {name} | {params / 1e6:.1f} | {operations / 1e9:.1f} |')


if __name__ == '__main__':
    main()
