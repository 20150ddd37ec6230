#!/usr/bin/env python3
"""Pack a trained detector into one small file that contains its config.

The ``.safetensors`` file contains the weights in half precision, the config of
the model and its settings. ``mmsrn.FaceDetector`` needs no other file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from mmsrn.cli.arguments import add_trust, program_parser
from mmsrn.cli.launch import open_checkpoint
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import output_file
from mmsrn.utils.trust import trust_checkpoints

if TYPE_CHECKING:
    from torch import Tensor

EXAMPLES = """examples:
  python tools/model_converters/pack_weights.py CONFIG CHECKPOINT \\
      srn.safetensors --test-scale 640 --score-thr 0.4
  python -c "from mmsrn import FaceDetector
  print(FaceDetector('srn.safetensors').detect('photo.jpg'))"
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__, EXAMPLES)
    parser.add_argument('config', help='config of the training')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('out', help='file to write, .safetensors')
    parser.add_argument(
        '--test-scale',
        type=int,
        default=640,
        help='longer side in pixels to which photos are resized (default: '
        '%(default)s)',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='lowest score to report (default: %(default)s)',
    )
    parser.add_argument('--licence', default='', help='terms of the weights')
    parser.add_argument(
        '--float32',
        action='store_true',
        help='keep the precision of the checkpoint, which doubles the size',
    )
    add_trust(parser)
    return parser


def pack(
    config: dict, checkpoint: dict, facts: dict, half: bool
) -> tuple[dict, dict[str, str]]:
    """Make the tensors and the metadata of a file.

    Args:
        config (dict): Config of the model.
        checkpoint (dict): Of mmengine.
        facts (dict): How to use the model.
        half (bool): Whether to store floats in half precision.

    Returns:
        tuple[dict, dict[str, str]]: Tensors by name; metadata.
    """
    import torch

    from mmsrn.utils.checkpoint import classes_of

    weights = {
        name: _in_half(x) if half and x.dtype == torch.float32 else x
        for name, x in checkpoint['state_dict'].items()
        if isinstance(x, torch.Tensor)
    }
    weights = {name: x.contiguous() for name, x in weights.items()}
    meta = checkpoint.get('meta') or {}
    counts = {x: meta.get(x) for x in ('epoch', 'seed')}
    counts = {k: x for k, x in counts.items() if type(x) is int}
    facts = dict(facts, config=config, classes=classes_of(checkpoint))
    facts.update(counts)
    return weights, {'format': 'pt', 'mmsrn': json.dumps(facts)}


def _in_half(tensor: Tensor) -> Tensor:
    """Round to half precision, unless a value is too large for it."""
    rounded = tensor.half()
    return rounded if rounded.isfinite().all() else tensor


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Pack."""
    args = make_parser().parse_args(argv)
    trust_checkpoints(args.trust_checkpoint)
    if Path(args.out).suffix != '.safetensors':
        raise UserError(f'{args.out}: must end in .safetensors')
    from mmengine.config import Config
    from safetensors.torch import save_file

    from mmsrn.apis.backends.torch_backend import TorchBackend
    from mmsrn.utils.model_config import check_model_config, without_pretrained
    from mmsrn.utils.one_line import one_line
    from mmsrn.zoo import ZooError

    checkpoint = open_checkpoint(args.checkpoint)
    if 'state_dict' not in checkpoint:
        raise UserError(f'{args.checkpoint}: has no state_dict')
    try:
        config = Config.fromfile(args.config)
    except Exception as error:  # a config is code
        raise UserError(
            f'{args.config}: cannot be read: {one_line(error)}'
        ) from error
    try:
        model = without_pretrained(config.model.to_dict())
        check_model_config(json.loads(json.dumps(model)))
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise UserError(
            f'{args.config}: cannot be packed: {one_line(error)}'
        ) from error
    facts = dict(
        name=Path(args.config).stem,
        test_scale=args.test_scale,
        score_thr=args.score_thr,
        licence=args.licence,
    )
    weights, meta = pack(model, checkpoint, facts, not args.float32)
    with output_file(args.out) as partial:
        save_file(weights, partial, meta)
        try:
            TorchBackend(partial, device='cpu')
        except ZooError as error:
            raise UserError(
                f'{args.checkpoint} does not fit: {error}'
            ) from error
    size = Path(args.out).stat().st_size
    print(f'{args.out}: {size / 1e6:.2f} MB, {len(weights)} tensors')


if __name__ == '__main__':
    main()
