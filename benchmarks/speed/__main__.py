"""Time the inference of SRN and other detectors, side by side."""

from __future__ import annotations

import argparse

import torch

from benchmarks.device import device_name, usable_device
from mmsrn.utils.allocator import keep_freed_memory
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import write_json

from .active_cells import count_active
from .detectors import Batch, Loaded, load_detector
from .imposed_cells import STATEMENT, impose, srn_heads
from .inputs import noise, read_photos, read_test_set
from .measure import measure_all
from .options import make_parser
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
