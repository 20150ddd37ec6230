"""Time the inference of SRN and other detectors, side by side.

All variants of all detectors predict in turns, in one process: the whole way
from an image as the data preprocessor leaves it to boxes after NMS. Variants:

published  computes what the published code does: class logits and boxes of
           both steps on every map of the neck
dense      whole maps, without what is not used (inference='dense')
selective  the second step only where it can find something
auto       that, on levels where it pays

Changes may follow, in this order, such as auto+prepared+coarse:

+prepared  the model goes through mmsrn.models.prepare_for_inference
+coarse    the first step runs in bfloat16, and as it is in the cells where
           that leaves doubt (coarse=dict()); of selective and auto
+amp       all runs under autocast, as with test_cfg.fp16=True: bfloat16 on a
           CPU, float16 on a GPU; scores and boxes change a little

Times are medians of wall-clock time. As in tools/test.py, memory that is freed
is kept. docs/performance.md says what each number is.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import torch

from benchmarks.device import device_name, usable_device
from mmsrn.cli.arguments import add_trust, positive, program_parser, share
from mmsrn.utils.allocator import keep_freed_memory
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import write_json
from mmsrn.utils.trust import trust_checkpoints

from .active_cells import count_active
from .detectors import ROOT, Batch, Loaded, load_detector
from .imposed_cells import STATEMENT, impose, srn_heads
from .inputs import noise, read_photos
from .measure import measure_all
from .tables import text, title
from .variants import CHANGES, VARIANTS, Contender

CONFIG = 'configs/srn/srn_r50_fpn_8xb4-130e_widerface.py'
EXAMPLES = """
examples:
  %(prog)s --impose-active 0.005 0.03 0.1 0.3
  %(prog)s my_config.py=my_weights.pth --images photos --memory
  %(prog)s srn_mobilenetv2 --images photos
  %(prog)s a.py=a.pth b.py=b.pth --variants dense auto --size 480x640 1024
"""


def variant(text: str) -> str:
    """Read a variant, for ``type=`` of an option."""
    mode, *changes = text.split('+')
    if mode not in VARIANTS or changes != [x for x in CHANGES if x in changes]:
        raise argparse.ArgumentTypeError(
            f'unknown variant {text!r}; there are {", ".join(VARIANTS)}, '
            f'each also with +{", +".join(CHANGES)} or several of them, in '
            'this order'
        )
    if 'coarse' in changes and mode in ('published', 'dense'):
        raise argparse.ArgumentTypeError(
            f'{text!r}: +coarse has no effect on {mode}, which computes the '
            'whole first step as it is; take selective or auto'
        )
    return text


def image_size(text: str) -> tuple[int, int]:
    """Read a size, for ``type=`` of an option."""
    found = re.fullmatch(r'([1-9]\d*)(?:x([1-9]\d*))?', text)
    if found is None:
        raise argparse.ArgumentTypeError(
            'expected HEIGHTxWIDTH in pixels, such as 480x640, or one number '
            f'for both, not {text!r}'
        )
    return int(found[1]), int(found[2] or found[1])


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(
        __doc__, EXAMPLES, prog='python -m benchmarks.speed'
    )
    parser.add_argument(
        'models',
        nargs='*',
        default=[str(ROOT / CONFIG)],
        metavar='MODEL',
        help='CONFIG (random weights), CONFIG=CHECKPOINT, or a name of '
        'the zoo, such as srn_mobilenetv2, which may also stand for '
        'CHECKPOINT '
        f'(default: {CONFIG})',
    )
    parser.add_argument(
        '--variants',
        type=variant,
        nargs='+',
        metavar='VARIANT',
        help=f'of each model: {", ".join(VARIANTS)}, each also with '
        f'+{", +".join(CHANGES)} (default: {" ".join(VARIANTS)} of models '
        'with an SRNHead, dense of others)',
    )
    images = parser.add_mutually_exclusive_group()
    images.add_argument(
        '--size',
        type=image_size,
        nargs='+',
        metavar='HxW',
        help='sizes of the input, an image of noise each (default: 640x640)',
    )
    images.add_argument(
        '--images',
        type=Path,
        metavar='DIR',
        help='photos in place of noise, through the test pipeline of each '
        'config; times and boxes are means of them',
    )
    parser.add_argument(
        '--impose-active',
        type=share,
        nargs='+',
        metavar='SHARE',
        help='let this share of the cells of each level, in discs, survive '
        'STC and get boxes, whatever the weights say; random weights need it',
    )
    parser.add_argument(
        '--memory', action='store_true', help='measure the peak of memory too'
    )
    parser.add_argument(
        '--iters',
        type=positive,
        default=10,
        help='timed predictions of each (default: 10)',
    )
    parser.add_argument(
        '--warmup',
        type=positive,
        default=3,
        help='predictions before that (default: 3)',
    )
    parser.add_argument(
        '--threads',
        type=positive,
        metavar='N',
        help='of torch, on a CPU (default: as many as it likes)',
    )
    parser.add_argument(
        '--device',
        help='cpu, cuda, cuda:1 ... (default: cuda if there is one)',
    )
    parser.add_argument('--json', help='also write the numbers to this file')
    add_trust(parser)
    return parser


def make_contenders(
    detectors: list[Loaded], variants: list[str] | None
) -> list[Contender]:
    """Make all variants of all detectors."""
    contenders = []
    for x in detectors:
        own = VARIANTS if srn_heads(x.model) else ('dense',)
        names = dict.fromkeys(variants or own)
        contenders += [Contender(x, name) for name in names]
    return contenders


def read_images(
    detectors: list[Loaded], args: argparse.Namespace
) -> dict[str, dict[str, list[Batch]]]:
    """Read photos, or make noise."""
    if args.images is not None:
        found = {x.name: read_photos(x, args.images) for x in detectors}
        number = len(found[detectors[0].name])
        return {f'{number} photos': found}
    return {
        f'{height}x{width}': {
            x.name: noise(x, (height, width)) for x in detectors
        }
        for height, width in args.size or [(640, 640)]
    }


def measure(detectors: list[Loaded], args: argparse.Namespace) -> dict:
    """Measure all that the command line asks for."""
    contenders = make_contenders(detectors, args.variants)
    for x in detectors:
        if args.impose_active and not srn_heads(x.model):
            raise UserError(f'--impose-active: {x.config} has no SRNHead')
    images = read_images(detectors, args)
    result = {
        'device': device_name(args.device),
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
        'iters': args.iters,
        'imposed': STATEMENT if args.impose_active else None,
        'models': [
            dict(name=x.name, config=x.config, checkpoint=x.checkpoint)
            for x in detectors
        ],
        'settings': [],
    }
    models = [x.model for x in detectors]
    models += [y for x in contenders for y in (x.model, x.plain)]
    for size, batches in images.items():
        for imposed in args.impose_active or [None]:
            impose(models, imposed)
            setting = dict(size=size, imposed=imposed)
            setting['active'] = {
                x.name: count_active(x, batches[x.name]) for x in detectors
            }
            setting['rows'] = measure_all(
                contenders,
                batches,
                title(setting),
                args.iters,
                args.warmup,
                args.memory,
            )
            result['settings'].append(setting)
    return result


@user_errors('benchmarks.speed')
def main(argv: list[str] | None = None) -> None:
    """Measure, print, and write the files."""
    args = make_parser().parse_args(argv)
    trust_checkpoints(args.trust_checkpoint)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    args.device = usable_device(args.device)
    detectors = [
        load_detector(x, args.device) for x in dict.fromkeys(args.models)
    ]
    names = [x.name for x in detectors]
    for x in detectors:
        if names.count(x.name) > 1:  # files of a name in several folders
            x.name = x.given
    result = measure(detectors, args)
    print(text(result))
    write_json(args.json, result)


if __name__ == '__main__':
    keep_freed_memory()  # here: it would stay so for whoever calls main
    main()
