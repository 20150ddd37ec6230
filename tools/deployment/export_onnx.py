#!/usr/bin/env python3
"""Export a detector to ONNX, for photos of any number and size.

The file takes uint8 BGR photos as OpenCV reads them and normalises them
itself; both steps, STC, STR and the decoding of boxes are in it, and its
metadata tell the rest. docs/deployment.md says how to use it.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.utils.launch import (  # noqa: E402
    add_cfg_options,
    check_checkpoint,
    check_config,
    check_parts,
    fail,
    load_weights,
    one_line_errors,
    read_config,
    require_mmdet,
)
from mmsrn.utils.output_file import output_file  # noqa: E402

require_mmdet(ROOT)

PRECISIONS = ('fp32', 'fp16', 'int8')
# Photos, height, width.
CHECKED = ((1, 64, 64), (1, 97, 131), (2, 203, 320), (1, 480, 640))
TOLERANCE = 1e-4
CONFIG = 'configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
EXAMPLES = f"""
examples:
  %(prog)s {CONFIG} epoch_10.pth srn.onnx --check
  %(prog)s {CONFIG} epoch_10.pth srn_fp16.onnx --precision fp16
  %(prog)s {CONFIG} epoch_10.pth srn_nms.onnx --nms \\
      --cfg-options model.test_cfg.score_thr=0.3
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
        'checkpoint', help='weights: .pth, .safetensors, or an address'
    )
    parser.add_argument('out', type=Path, metavar='out.onnx')
    parser.add_argument(
        '--precision',
        choices=PRECISIONS,
        default='fp32',
        help='fp16: weights of half the size; int8: a third of the size, '
        'convolutions in integers (default: fp32)',
    )
    parser.add_argument(
        '--nms',
        action='store_true',
        help='put NMS into the graph, else '
        'mmsrn.deployment.postprocess is to follow it',
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='compare with PyTorch at several sizes, and write no fp32 file '
        f'that differs by more than {TOLERANCE:g}',
    )
    parser.add_argument(
        '--name', help='name of the model (default: that of the config)'
    )
    parser.add_argument(
        '--license',
        default='unknown',
        help='terms of the weights, for the metadata (default: unknown)',
    )
    add_cfg_options(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Export.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    check_config(parser, args.config, ROOT)
    check_checkpoint(
        parser,
        args.checkpoint,
        'training leaves epoch_*.pth in its work folder',
    )
    if args.out.suffix != '.onnx':
        fail(parser, f'{args.out}: the name must end in .onnx')
    _require(parser, 'onnx', 'dev')
    if args.check or args.precision == 'int8':
        _require(parser, 'onnxruntime', 'onnx')
    cfg = read_config(parser, args.config, args.cfg_options)
    check_parts(parser, cfg, args.config, ('model',))
    detector = _load(parser, args, cfg)
    model = _export(parser, args, cfg, detector)
    if args.check:
        _check(parser, args, model, detector)
    with output_file(parser, args.out) as partial:
        partial.write_bytes(model.SerializeToString())
    size = args.out.stat().st_size / 2**20
    print(f'wrote {args.out}: {args.precision}, {size:.1f} MiB')


def _require(
    parser: argparse.ArgumentParser, package: str, extra: str
) -> None:
    if importlib.util.find_spec(package) is None:
        fail(
            parser,
            f"{package} is not installed; run: pip install 'mmsrn[{extra}]'",
        )


def _load(parser, args, cfg):
    """The detector with its weights, in evaluation mode."""
    from mmdet.registry import MODELS
    from mmengine.registry import init_default_scope

    from mmsrn.utils.checkpoint import read_checkpoint

    try:
        checkpoint = read_checkpoint(args.checkpoint)
    except ValueError as error:
        fail(parser, str(error))
    init_default_scope('mmdet')
    with one_line_errors(parser, args.config):
        detector = MODELS.build(cfg.model)
    load_weights(parser, args.config, detector, args.checkpoint, checkpoint)
    detector.eval()  # of some backbones of mmdet it returns nothing
    return detector


def _export(parser, args, cfg, detector):
    from mmsrn.deployment.config_facts import config_facts
    from mmsrn.deployment.onnx_export import export_onnx

    try:
        facts = config_facts(
            cfg, detector, args.name or Path(args.config).stem, args.license
        )
        return export_onnx(detector, facts, args.precision, args.nms)
    except ValueError as error:
        fail(parser, f'{args.config}: {error}')


def _check(parser, args, model, detector) -> None:
    """Print differences, and end if they are too large."""
    import numpy as np

    from mmsrn.deployment.parity import measure_difference
    from mmsrn.deployment.session import start_session
    from mmsrn.testing import draw_scene

    session = start_session(model.SerializeToString())
    rng = np.random.default_rng(0)
    same = True
    for photos, height, width in CHECKED:
        images = [draw_scene(rng, (height, width))[0] for _ in range(photos)]
        found = measure_difference(session, detector, np.stack(images))
        for stage, difference in found.items():
            print(f'{photos} x {height}x{width}, {stage}: {difference}')
            same &= difference.within(TOLERANCE)
    if args.precision == 'fp32' and not same:
        fail(
            parser,
            f'{args.out} is not written: it would not find what '
            f'{args.checkpoint} finds in PyTorch',
        )


if __name__ == '__main__':
    main()
