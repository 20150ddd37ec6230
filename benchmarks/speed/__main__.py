"""Time the inference of SRN and other detectors, side by side."""

from __future__ import annotations

import argparse

import torch

from benchmarks.device import device_name, machine_rates, usable_device
from mmsrn.utils.allocator import keep_freed_memory
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import check_writable, output_file, write_json
from mmsrn.utils.trust import trust_checkpoints

from .active_cells import count_active
from .detectors import Batch, Loaded, load_detector
from .imposed_cells import STATEMENT, impose, srn_heads
from .inputs import find_photos, noise, read_photos, read_test_set
from .measure import Bench, calibrate
from .options import check, image_size, make_parser
from .picture import draw
from .process_memory import process_peak
from .tables import text, title
from .variants import VARIANTS, Contender


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
    if args.test_photos is not None:
        number = args.test_photos
        found = {x.name: read_test_set(x, number) for x in detectors}
        return {f'{number} photos of the test set': found}
    if args.images is not None:
        paths = find_photos(args.images)
        found = {x.name: read_photos(x, paths) for x in detectors}
        return {f'{len(paths)} photos': found}
    return {
        f'{height}x{width}': {
            x.name: noise(x, (height, width)) for x in detectors
        }
        for height, width in args.size or [(640, 640)]
    }


def measure(detectors: list[Loaded], args: argparse.Namespace) -> dict:
    """Measure all that the command line asks for."""
    contenders = make_contenders(detectors, args.variants)
    for option in ('impose_active', 'calibrate'):
        for x in detectors:
            if getattr(args, option) and not srn_heads(x.model):
                option = option.replace('_', '-')
                raise UserError(f'--{option}: {x.config} has no SRNHead')
    images = read_images(detectors, args)
    device = torch.device(args.device)
    rates = machine_rates(device)
    result = {
        'device': device_name(args.device),
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
        'iters': args.iters,
        'imposed': STATEMENT if args.impose_active else None,
        'rates': rates,
        'models': [
            dict(name=x.name, config=x.config, checkpoint=x.checkpoint)
            for x in detectors
        ],
        'settings': [],
        'calibration': [],
    }
    if args.calibrate:
        for size, batches in images.items():
            rows = calibrate(contenders, batches, args.iters, args.warmup)
            result['calibration'] += [dict(x, size=size) for x in rows]
    bench = Bench(
        device, args.iters, args.warmup, rates['convolution'], args.memory
    )
    models = [x.model for x in detectors]
    models += [y for x in contenders for y in (x.model, x.plain)]
    of_noise = args.images is None and args.test_photos is None
    for size, batches in images.items():
        pixels = image_size(size) if of_noise else None
        for imposed in args.impose_active or [None]:
            impose(models, imposed)
            setting = dict(size=size, pixels=pixels, imposed=imposed)
            setting['active'] = {
                x.name: count_active(x, batches[x.name]) for x in detectors
            }
            setting['rows'] = bench(contenders, batches, title(setting))
            if args.process_memory:
                for x, row in zip(contenders, setting['rows']):
                    row |= process_peak(
                        x.loaded.given, x.variant, pixels, imposed
                    )
            result['settings'].append(setting)
    return result


@user_errors('benchmarks.speed')
def main(argv: list[str] | None = None) -> None:
    """Measure, print, and write the files."""
    args = make_parser().parse_args(argv)
    trust_checkpoints(args.trust_checkpoint)
    check_writable(args.out_dir, f'--out-dir {args.out_dir}')
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    args.device = usable_device(args.device)
    check(args)
    detectors = [
        load_detector(x, args.device) for x in dict.fromkeys(args.models)
    ]
    names = [x.name for x in detectors]
    for x in detectors:
        if names.count(x.name) > 1:  # files of a name in several folders
            x.name = x.given
    result = measure(detectors, args)
    print(text(result))
    write_json(args.out_dir / 'benchmark.json', result)
    with output_file(args.out_dir / 'benchmark.png') as partial:
        draw(result).savefig(partial, dpi=130)
    print(f'\nWritten: benchmark.json and benchmark.png in {args.out_dir}')


if __name__ == '__main__':
    keep_freed_memory()  # here: it would stay so for whoever calls main
    main()
