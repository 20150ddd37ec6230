#!/usr/bin/env python3
"""Export a detector to ONNX, for photos of any number and size.

The file takes uint8 BGR photos as OpenCV reads them. It contains the
normalisation, both steps, STC, STR and the decoding of boxes; its metadata
contain the settings. Use it as the model of mmsrn.FaceDetector. See
docs/deployment.md.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from mmsrn.cli.arguments import add_cfg_options, add_trust, program_parser
from mmsrn.cli.config import read_config
from mmsrn.cli.config_errors import one_line_errors
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import check_output, output_file
from mmsrn.utils.trust import trust_checkpoints

PRECISIONS = ('fp32', 'fp16', 'int8')
# Photos, height, width.
CHECKED = ((1, 64, 64), (1, 97, 131), (2, 203, 320), (1, 480, 640))
TOLERANCE = 1e-4
MOST_PHOTOS = 64
EXAMPLES = """
examples:
  %(prog)s srn_mobilenetv2 srn.onnx --check
  %(prog)s srn.safetensors srn_fp16.onnx --precision fp16
  %(prog)s srn_mobilenetv2 fast.onnx --precision int8 --calibrate photos/
  %(prog)s epoch_10.pth srn.onnx \\
      --config configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py
  %(prog)s epoch_10.pth srn_nms.onnx --nms --config CONFIG \\
      --cfg-options model.test_cfg.nms.iou_threshold=0.4
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__, EXAMPLES)
    parser.add_argument(
        'model',
        help='name of the zoo, file of pack_weights.py, or checkpoint with '
        '--config',
    )
    parser.add_argument('out', type=Path, metavar='out.onnx')
    parser.add_argument('--config', help='config of the checkpoint')
    parser.add_argument(
        '--precision',
        choices=PRECISIONS,
        default='fp32',
        help='fp16 halves the file; int8 computes faster, too, and needs '
        '--calibrate (default: %(default)s)',
    )
    parser.add_argument(
        '--calibrate',
        type=Path,
        metavar='PHOTOS',
        help='for int8: folder of some dozens of photos like those to come, '
        f'of which up to {MOST_PHOTOS} are taken',
    )
    parser.add_argument(
        '--nms',
        action='store_true',
        help='run NMS in the graph, which models with box voting, such as the '
        'default, do not allow; without it, call '
        'mmsrn.deployment.postprocess on the outputs',
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='compare with PyTorch at several sizes; refuse to write an '
        f'fp32 file that differs by more than {TOLERANCE:g}',
    )
    told = '(default: from the model file)'
    parser.add_argument('--name', help=f'name of the model {told}')
    parser.add_argument('--licence', help=f'terms of the weights {told}')
    parser.add_argument(
        '--test-scale',
        type=int,
        metavar='PIXELS',
        help=f'longer side to which photos are resized {told}',
    )
    parser.add_argument(
        '--score-thr', type=float, help=f'lowest score to report {told}'
    )
    add_cfg_options(parser)
    add_trust(parser)
    return parser


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Export."""
    args = make_parser().parse_args(argv)
    trust_checkpoints(args.trust_checkpoint)
    if args.out.suffix != '.onnx':
        raise UserError(f'{args.out}: the name must end in .onnx')
    if (args.precision == 'int8') != bool(args.calibrate):
        raise UserError('--precision int8 and --calibrate need each other')
    for package in ('onnx', 'onnxruntime'):
        if importlib.util.find_spec(package) is None:
            remedy = "pip install 'mmsrn[export]'"
            raise UserError(f'{package} is not installed; run: {remedy}')
    check_output(args.out, str(args.out))
    found = _find(args.calibrate)
    detector, told = _load(args)
    model = _export(args, detector, told, found)
    if args.check:
        _check(args, model, detector)
    with output_file(args.out) as partial:
        partial.write_bytes(model.SerializeToString())
    size = args.out.stat().st_size / 1e6
    print(f'{args.out}: {args.precision}, {size:.2f} MB')


def _load(args) -> tuple:
    """The detector as FaceDetector has it, and what its file says."""
    config = None
    if args.config is not None:
        config = read_config(args.config, args.cfg_options)
    elif args.cfg_options:
        raise UserError('--cfg-options needs --config')
    from mmsrn.apis.backends.torch_backend import TorchBackend
    from mmsrn.zoo import ZooError, find_model

    try:
        with one_line_errors(args.config or args.model):
            path = find_model(args.model, 'torch')
            backend = TorchBackend(path, config, device='cpu')
    except ZooError as error:
        raise UserError(str(error)) from error
    return backend.model, backend.facts


def _export(args, detector, told, found):
    from mmsrn.deployment.detector_facts import detector_facts
    from mmsrn.deployment.onnx_export import export_onnx

    names = ('name', 'licence', 'classes', 'test_scale', 'score_thr')
    facts = {x: told[x] for x in names if told.get(x) is not None}
    facts.setdefault('name', Path(args.config or args.model).stem)
    for name in names:
        if getattr(args, name, None) is not None:
            facts[name] = getattr(args, name)
    try:
        facts = detector_facts(detector, **facts)
        photos = _read(found, facts.test_scale)
        return export_onnx(detector, facts, args.precision, args.nms, photos)
    except ValueError as error:
        raise UserError(f'{args.config or args.model}: {error}') from error


def _find(folder: Path | None) -> list:
    """Find photos of a folder, spread evenly."""
    from mmsrn.apis import PhotoError, find_photos

    if folder is None:
        return []
    if not folder.is_dir():
        raise UserError(f'--calibrate {folder}: is not a folder')
    try:
        found = find_photos(folder)
    except PhotoError as error:
        raise UserError(f'--calibrate {error}') from error
    count = min(len(found), MOST_PHOTOS)
    return [found[i * len(found) // count] for i in range(count)]


def _read(found: list, scale: int | str) -> Iterator:
    """Read photos as the network is to see them."""
    from rich.progress import track

    from mmsrn.apis import PhotoError
    from mmsrn.apis.photos import read_photo
    from mmsrn.apis.views import resize

    for photo in track(found, 'Calibrating'):
        try:
            image = read_photo(photo.content, photo.name, strict=False)
        except PhotoError as error:
            raise UserError(f'--calibrate {error}') from error
        yield resize(image, scale)


def _check(args, model, detector) -> None:
    """Print differences, and end if they are too large."""
    import numpy as np

    from mmsrn.deployment.parity import measure_difference
    from mmsrn.deployment.session import start_session
    from mmsrn.testing.pictures import draw_picture

    session = start_session(model.SerializeToString())
    rng = np.random.default_rng(0)
    same = True
    for photos, height, width in CHECKED:
        images = [draw_picture(rng, height, width) for _ in range(photos)]
        found = measure_difference(session, detector, np.stack(images))
        for stage, difference in found.items():
            print(f'{photos} x {height}x{width}, {stage}: {difference}')
            same &= difference.within(TOLERANCE)
    if args.precision == 'fp32' and not same:
        raise UserError(
            f'{args.out} was not written: its results differ from those of '
            f'{args.model} in PyTorch'
        )


if __name__ == '__main__':
    main()
