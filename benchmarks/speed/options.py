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

from mmsrn.cli.arguments import add_trust, positive, share
from mmsrn.utils.errors import UserError

from .detectors import ROOT
from .process_memory import STATUS
from .variants import CHANGES, VARIANTS

CONFIG = 'configs/srn/srn_r50_fpn_1xb32-130e_widerface.py'
OUT_DIR = Path('work_dirs/benchmark_speed')
EXAMPLES = """
examples:
  %(prog)s --impose-active 0.005 0.03 0.1 0.3
  %(prog)s my_config.py=my_weights.pth --images photos --memory
  %(prog)s my_config.py=my_weights.pth --test-photos 40
  %(prog)s srn_mobilenetv2 --images photos
  %(prog)s a.py=a.pth b.py=b.pth --variants dense auto --size 480x640 1024
  %(prog)s epoch_10.pth --threads 1 --calibrate
  %(prog)s --size 480x640 1000x1000 3000x4000 --impose-active 0.03 \\
      --process-memory
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
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.speed',
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
    parser.add_argument(
        '--size',
        type=image_size,
        nargs='+',
        metavar='HxW',
        help='sizes of the input, an image of noise each (default: 640x640)',
    )
    parser.add_argument(
        '--images',
        type=Path,
        metavar='DIR',
        help='photos in place of noise, through the test pipeline of each '
        'config; times and boxes are means of them',
    )
    parser.add_argument(
        '--test-photos',
        type=positive,
        metavar='N',
        help='so many photos of the test set of each config in place of '
        'noise, evenly spaced',
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
        '--calibrate',
        action='store_true',
        help='measure crossover.inference: the share of the work at which '
        'rows and whole maps take the same time in the class subnet',
    )
    parser.add_argument(
        '--memory', action='store_true', help='measure the peak of memory too'
    )
    parser.add_argument(
        '--process-memory',
        action='store_true',
        help='measure the peak of all memory, too, of a process for each '
        'variant that predicts once; on a CPU, on Linux',
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
    parser.add_argument(
        '--out-dir',
        type=Path,
        default=OUT_DIR,
        metavar='DIR',
        help=f'for benchmark.json and benchmark.png (default: {OUT_DIR})',
    )
    add_trust(parser)
    return parser


def check(args: argparse.Namespace) -> None:
    """Check that options go together."""
    if args.images is not None and args.test_photos is not None:
        raise UserError('--images and --test-photos exclude each other')
    photos = args.images is not None or args.test_photos is not None
    if photos and args.size is not None:
        raise UserError(
            '--size is of noise; --images and --test-photos go through the '
            'pipelines'
        )
    if not args.process_memory:
        return
    if photos:
        raise UserError('--process-memory is of noise: name its --size')
    if args.device != 'cpu':
        raise UserError(
            '--process-memory: is of a CPU; add --device cpu, or measure the '
            'memory of a GPU with --memory'
        )
    if not STATUS.exists():
        raise UserError(f'--process-memory: needs Linux, which has {STATUS}')
