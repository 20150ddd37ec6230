#!/usr/bin/env python3
"""Count the parameters and FLOPs of models, as a table of Markdown.

For each config a model with random weights looks at one image. The counter is
mmengine's: convolutions, matrix products, norms and interpolation, with a
multiplication and its addition as one; activations, sums of maps and the
search for boxes are left out. Two-stage detectors get as many regions as
their test_cfg.rpn.max_per_img says, so that the count does not depend on the
weights.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.utils.launch import (  # noqa: E402
    check_config,
    fail,
    one_line_errors,
    positive,
    read_config,
    require_mmdet,
)

require_mmdet(ROOT)

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import nn


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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


def fix_regions(model: nn.Module, size: tuple[int, int]) -> None:
    """Give the second stage of a detector the regions it takes at most.

    Args:
        model (nn.Module): Two-stage detector.
        size (tuple[int, int]): Height and width of the input.
    """
    import torch
    from mmengine.structures import InstanceData

    num = model.test_cfg.rpn.max_per_img
    whole = torch.tensor([0.0, 0.0, size[1], size[0]])

    def predict_by_feat(*outputs, **_):
        # Work without a use is not counted.
        use = sum(x.sum() for maps in outputs for x in maps if x is not None)
        regions = InstanceData(
            bboxes=whole.repeat(num, 1) + 0 * use,
            scores=torch.ones(num),
            labels=torch.zeros(num, dtype=torch.long),
        )
        return [regions]

    model.rpn_head.predict_by_feat = predict_by_feat


def count(cfg: Config, size: tuple[int, int]) -> tuple[int, int]:
    """Count what a model holds and does.

    Args:
        cfg (Config): A config.
        size (tuple[int, int]): Height and width of the input in pixels.

    Returns:
        tuple[int, int]: Parameters, and FLOPs for one image.
    """
    from mmdet.registry import MODELS
    from mmengine.analysis import get_model_complexity_info
    from mmengine.registry import init_default_scope

    from mmsrn.testing.models import random_batch

    init_default_scope(cfg.get('default_scope', 'mmdet'))
    model = MODELS.build(cfg.model).eval()
    data = model.data_preprocessor(random_batch(1, size))
    if hasattr(model, 'rpn_head'):
        fix_regions(model, size)
    model.forward = partial(model.forward, data_samples=data['data_samples'])
    # It warns of every operator that it does not count.
    logging.disable(logging.WARNING)
    try:
        found = get_model_complexity_info(
            model, inputs=data['inputs'], show_table=False, show_arch=False
        )
    finally:
        logging.disable(logging.NOTSET)
    return found['params'], found['flops']


def main(argv: list[str] | None = None) -> None:
    """Count and print.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    if len(args.size) > 2:
        fail(parser, '--size takes one or two numbers')
    size = (args.size[0], args.size[-1])
    for config in args.configs:
        check_config(parser, config, ROOT)
    print('| config | parameters (M) | GFLOPs |\n| --- | --- | --- |')
    for config in args.configs:
        cfg = read_config(parser, config, None)
        with one_line_errors(parser, config):
            params, flops = count(cfg, size)
        name = Path(config).stem
        print(f'| {name} | {params / 1e6:.1f} | {flops / 1e9:.1f} |')


if __name__ == '__main__':
    main()
