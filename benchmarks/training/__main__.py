"""Compare a training step of an SRN in several ways, the last with the first.

All have the same weights, input and optimizer. In one process they take turns;
time is the median over the steps, on a CPU that of the processor, which other
programs hardly change; memory the peak of one step with what the
model keeps between steps (weights, optimizer state). On a GPU the memory is
``torch.cuda.max_memory_allocated``; on a CPU it is summed from every
allocation that torch's profiler sees, because the size of the process tells
neither the models nor the allocator's own reserves apart. GMAC are thousand
millions of multiply-adds of a step, forwards and backwards.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from benchmarks.device import device_name, usable_device
from benchmarks.markdown import markdown
from benchmarks.speed.imposed_cells import impose_in_training
from mmsrn.cli.arguments import positive, program_parser, share
from mmsrn.cli.config import read_config
from mmsrn.cli.config_errors import one_line_errors
from mmsrn.testing.models import random_batch
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import write_json

from .steps import Step, compare

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs/srn/srn_r50_fpn_8xb4-130e_widerface.py'
# Of the config's rate, as at the start of its warm-up: noise teaches nothing.
LR_FACTOR = 0.001
FACES = 12  # of the image, the mean of WIDER FACE
MEBIBYTE = 2**20


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = program_parser(__doc__, prog='python -m benchmarks.training')
    parser.add_argument(
        '--config',
        default=str(CONFIG),
        help=f'config of an SRN (default: {CONFIG.relative_to(ROOT)})',
    )
    parser.add_argument(
        '--size',
        type=positive,
        default=640,
        metavar='PIXELS',
        help='height and width of the input (default: 640)',
    )
    parser.add_argument(
        '--forward',
        nargs='+',
        choices=('dense', 'selective', 'auto'),
        default=['dense', 'auto'],
        help='values of training of the execution (default: dense auto)',
    )
    parser.add_argument(
        '--survivors',
        type=share,
        metavar='SHARE',
        help='this share of the cells of each level survives STC, 0 to 1, in '
        'compact groups (default: what the initial weights leave)',
    )
    parser.add_argument(
        '--iters',
        type=positive,
        default=5,
        help='timed steps of each model (default: 5)',
    )
    parser.add_argument(
        '--warmup',
        type=positive,
        default=2,
        help='steps of each before that (default: 2)',
    )
    parser.add_argument(
        '--device',
        help='cpu, cuda, cuda:1 ... (default: cuda if there is one)',
    )
    parser.add_argument('--json', help='also write the numbers to this file')
    return parser


def build_step(model_cfg: dict, cfg: Config, args: argparse.Namespace) -> Step:
    """Build a model with its optimizer and input."""
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(model_cfg))
    model.init_weights()
    model.to(args.device).train()
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    for group in optim_wrapper.optimizer.param_groups:
        group['lr'] *= LR_FACTOR
    size = (args.size, args.size)
    if args.survivors is not None:
        impose_in_training(model, args.survivors, size)
    batch = random_batch(1, size, FACES)
    return Step(model, optim_wrapper, batch)


def measure(cfg: Config, args: argparse.Namespace) -> dict:
    """Measure the models."""
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    srn = cfg.get('model', {})
    if srn.get('bbox_head', {}).get('type') != 'SRNHead':
        raise UserError(f'{args.config}: model.bbox_head is no SRNHead')
    srn.backbone.init_cfg = None  # no download: weights do not matter here
    steps = {}
    for way in args.forward:
        execution = dict(inference='dense', training=way)
        head = dict(srn.bbox_head, execution=execution)
        steps[way] = build_step(dict(srn, bbox_head=head), cfg, args)
    models = compare(steps, args.iters, args.warmup)
    compared = args.forward[-1], args.forward[0]
    last, first = (models[x] for x in compared)
    return {
        'config': Path(args.config).name,
        'batch': [1, 3, args.size, args.size],
        'device': device_name(args.device),
        'torch': torch.__version__,
        'threads': torch.get_num_threads(),
        'survivors': args.survivors,
        'models': models,
        'compared': compared,
        'time_ratio': last['seconds'] / first['seconds'],
        'memory_ratio': last['peak_bytes'] / first['peak_bytes'],
        'operations_ratio': last['operations'] / first['operations'],
    }


def table(result: dict) -> str:
    """Format the numbers for the terminal."""
    head = ['', 'median s', 'min-max', 'peak MiB', 'GMAC']
    rows = [
        [
            name,
            f'{row["seconds"]:.3f}',
            f'{row["seconds_min"]:.3f}-{row["seconds_max"]:.3f}',
            f'{row["peak_bytes"] / MEBIBYTE:.0f}',
            f'{row["operations"] / 1e9:.1f}',
        ]
        for name, row in result['models'].items()
    ]
    return (
        '{config}, batch {batch}, {device}, {threads} threads, torch {torch}\n'
        '{table}\n{names}: time {time_ratio:.2f}, memory {memory_ratio:.2f}, '
        'multiply-adds {operations_ratio:.2f}'
    ).format(
        **result,
        table=markdown(head, rows),
        names=' / '.join(result['compared']),
    )


@user_errors('benchmarks.training')
def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    args = make_parser().parse_args(argv)
    cfg = read_config(args.config)
    args.device = usable_device(args.device)
    with one_line_errors(args.config):
        result = measure(cfg, args)
    print(table(result))
    write_json(args.json, result)


if __name__ == '__main__':
    main()
