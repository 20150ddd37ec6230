#!/usr/bin/env python3
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

Times are wall-clock, medians with their range; the ratio is to the first row.
As in tools/test.py, memory that is freed is kept.
Stages are timed in passes of their own, so that the clock does not disturb
the total. GMAC: multiply-adds of convolutions and matrix products that are
executed, in thousand millions; "rate" is their share of what this machine
does in a 3x3 convolution of 256 channels. Memory is the peak of tensors above
that before the prediction, see benchmark_train.py; of a process, all that it
takes. With several sizes the picture shows both against the size.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.utils.allocator import keep_freed_memory  # noqa: E402
from mmsrn.utils.launch import (  # noqa: E402
    check_writable,
    fail,
    positive,
    require_mmdet,
    share,
)
from mmsrn.utils.output_file import output_file, write_json  # noqa: E402

require_mmdet(ROOT)

if TYPE_CHECKING:
    from inference_variants import Batch, Contender, Loaded

CONFIG = ROOT / 'configs/srn/srn_r50_fpn_1xb32-130e_widerface.py'
OUT_DIR = Path('work_dirs/benchmark_inference')
VARIANTS = ('published', 'dense', 'selective', 'auto')
CHANGES = ('prepared', 'coarse', 'amp')
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
    """Read a variant, for ``type=`` of an option.

    Args:
        text (str): What the user gave.

    Returns:
        str: The same.

    Raises:
        argparse.ArgumentTypeError: If there is no such variant.
    """
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
    """Read a size, for ``type=`` of an option.

    Args:
        text (str): What the user gave.

    Returns:
        tuple[int, int]: Height and width in pixels.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
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
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'models',
        nargs='*',
        default=[str(CONFIG)],
        metavar='MODEL',
        help='CONFIG (random weights), CONFIG=CHECKPOINT, a checkpoint that '
        'holds its config, or a name of the zoo, such as srn_mobilenetv2, '
        'which may also stand for CHECKPOINT '
        f'(default: {CONFIG.relative_to(ROOT)})',
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
        help='for benchmark.json, .csv, .md (tables for a page) and .png '
        f'(default: {OUT_DIR})',
    )
    return parser


def make_contenders(
    detectors: list[Loaded], variants: list[str] | None
) -> list[Contender]:
    """Make all variants of all detectors.

    Args:
        detectors (list[Loaded]): The detectors.
        variants (list[str], optional): Those of each; None for the default.

    Returns:
        list[Contender]: By detector.

    Raises:
        ValueError: If a detector has no such variant.
    """
    from imposed_cells import srn_heads
    from inference_variants import Contender

    contenders = []
    for loaded in detectors:
        chosen = variants or (
            VARIANTS if srn_heads(loaded.model) else ('dense',)
        )
        for name in dict.fromkeys(chosen):
            contenders.append(Contender(loaded, name))
    return contenders


def of_noise(args: argparse.Namespace) -> bool:
    """Whether images are noise.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        bool: The answer.
    """
    return args.images is None and args.test_photos is None


def read_images(
    detectors: list[Loaded], args: argparse.Namespace
) -> dict[str, dict[str, list[Batch]]]:
    """Read photos, or make noise.

    Args:
        detectors (list[Loaded]): Whose images.
        args (argparse.Namespace): The command line.

    Returns:
        dict[str, dict[str, list]]: By size, and then by name of the detector.

    Raises:
        ValueError: If a photo cannot be read.
    """
    from inference_inputs import (
        find_photos,
        noise,
        read_photos,
        read_test_set,
    )

    if args.test_photos is not None:
        number = args.test_photos
        return {
            f'{number} photos of the test set': {
                x.name: read_test_set(x, number) for x in detectors
            }
        }
    if args.images is None:
        return {
            f'{height}x{width}': {
                x.name: noise(x, (height, width)) for x in detectors
            }
            for height, width in args.size or [(640, 640)]
        }
    paths = find_photos(args.images)
    name = f'{len(paths)} photos'
    return {name: {x.name: read_photos(x, paths) for x in detectors}}


def measure(detectors: list[Loaded], args: argparse.Namespace) -> dict:
    """Measure all that the command line asks for.

    Args:
        detectors (list[Loaded]): What to measure.
        args (argparse.Namespace): The command line.

    Returns:
        dict: Setting of the run, and numbers by size and imposed share.

    Raises:
        ValueError: If detectors, images and options do not go together.
    """
    import torch
    from active_cells import count_active
    from benchmark_device import device_name
    from imposed_cells import STATEMENT, impose, srn_heads
    from inference_cost import Bench
    from inference_report import title
    from machine_rate import machine_rates
    from process_memory import process_peak

    device = torch.device(args.device)
    contenders = make_contenders(detectors, args.variants)
    if args.impose_active or args.calibrate:
        for x in detectors:
            if not srn_heads(x.model):
                option = 'impose-active' if args.impose_active else 'calibrate'
                raise ValueError(f'--{option}: {x.config} has no SRNHead')
    images = read_images(detectors, args)
    result = {
        'device': device_name(args.device),
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
        'iters': args.iters,
        'warmup': args.warmup,
        'images': None if args.images is None else str(args.images),
        'test_photos': args.test_photos,
        'imposed': STATEMENT if args.impose_active else None,
        'rates': machine_rates(device),
        'models': [
            dict(name=x.name, config=x.config, checkpoint=x.checkpoint)
            for x in detectors
        ],
        'settings': [],
        'calibration': [],
    }
    if args.calibrate:
        result['calibration'] = calibrate(contenders, images, args)
    rate = result['rates']['convolution']
    bench = Bench(device, args.iters, args.warmup, rate, args.memory)
    models = [
        *(x.model for x in detectors),
        *(y for x in contenders for y in (x.model, x.plain)),
    ]
    for size, batches in images.items():
        for imposed in args.impose_active or [None]:
            impose(models, imposed)
            pixels = image_size(size) if of_noise(args) else None
            setting = dict(size=size, pixels=pixels, imposed=imposed)
            setting['active'] = {
                x.name: count_active(x, batches[x.name]) for x in detectors
            }
            setting['rows'] = bench(contenders, batches, title(setting))
            if args.process_memory:
                for x, row in zip(contenders, setting['rows']):
                    row |= process_peak(
                        x.loaded.given,
                        x.variant,
                        setting['pixels'],
                        imposed,
                        ROOT,
                    )
            result['settings'].append(setting)
    return result


def calibrate(
    contenders: list[Contender],
    images: dict[str, dict[str, list[Batch]]],
    args: argparse.Namespace,
) -> list[dict]:
    """Measure the crossover of each detector, prepared or not, and size.

    Args:
        contenders (list[Contender]): Variants of detectors.
        images (dict[str, dict[str, list]]): See :func:`read_images`.
        args (argparse.Namespace): The command line.

    Returns:
        list[dict]: Crossovers.

    Raises:
        ValueError: If a head cannot be measured.
    """
    from active_cells import second_step_map
    from imposed_cells import srn_heads
    from row_crossover import measure_crossover

    # The variants of a detector have the same subnet, but for preparation.
    subnets: dict[tuple[str, bool], Contender] = {}
    for x in contenders:
        prepared = 'prepared' in x.variant
        subnets.setdefault((x.loaded.name, prepared), x)
    found = []
    for size, batches in images.items():
        for (name, prepared), x in subnets.items():
            maps, level = second_step_map(x.loaded, batches[name])
            head = srn_heads(x.model)[0]
            found.append(
                dict(
                    model=name,
                    prepared=prepared,
                    size=size,
                    level=level,
                    **measure_crossover(head, maps, args.iters, args.warmup),
                )
            )
    return found


def main(argv: list[str] | None = None) -> None:
    """Measure, print, and write the files.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.images is not None and args.test_photos is not None:
        fail(parser, '--images and --test-photos exclude each other')
    if args.size is not None and not of_noise(args):
        fail(
            parser,
            '--size is of noise; --images and --test-photos go through the '
            'pipelines',
        )
    check_writable(parser, args.out_dir, f'--out-dir {args.out_dir}')
    if args.process_memory and not of_noise(args):
        fail(parser, '--process-memory is of noise: name its --size')
    import torch
    from benchmark_device import usable_device
    from inference_inputs import load_detector
    from inference_report import csv_table, draw, text
    from inference_tables import markdown
    from process_memory import STATUS

    args.device = usable_device(parser, args.device)
    if args.process_memory and args.device != 'cpu':
        fail(
            parser,
            '--process-memory: is of a CPU; add --device cpu, or measure the '
            'memory of a GPU with --memory',
        )
    if args.process_memory and not STATUS.exists():
        fail(parser, f'--process-memory: needs Linux, which has {STATUS}')
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    texts = list(dict.fromkeys(args.models))
    detectors = [load_detector(parser, x, args.device, ROOT) for x in texts]
    names = [x.name for x in detectors]
    for x, given in zip(detectors, texts):
        if names.count(x.name) > 1:  # files of a name in several folders
            x.name = given
    try:
        result = measure(detectors, args)
    except ValueError as error:
        fail(parser, str(error))
    print(text(result))
    write_json(parser, args.out_dir / 'benchmark.json', result)
    for suffix, content in (('csv', csv_table), ('md', markdown)):
        with output_file(parser, args.out_dir / f'benchmark.{suffix}') as file:
            file.write_text(content(result), encoding='utf-8')
    with output_file(parser, args.out_dir / 'benchmark.png') as partial:
        draw(result).savefig(partial, dpi=130)
    print(f'\nWritten: benchmark.json, .csv, .md and .png in {args.out_dir}')


if __name__ == '__main__':
    keep_freed_memory()  # here: it would stay so for whoever calls main
    main()
