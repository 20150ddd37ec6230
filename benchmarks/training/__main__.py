"""Compare a training step of SRN with one of mmdet's RetinaNet.

Both models get the same backbone, P2..P7, anchors, input and optimizer. With
--forward, ways to train one SRN are compared instead, the last of them with
the first. In one process the models take turns; time is the median over the
steps, memory the peak of one step with what the model keeps between steps
(weights, optimizer state). On a GPU the memory is
``torch.cuda.max_memory_allocated``; on a CPU it is summed from every
allocation that torch's profiler sees, because the size of the process tells
neither the models nor the allocator's own reserves apart. GMAC are thousand
millions of multiply-adds of a step, forwards and backwards.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from pathlib import Path

import torch
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from benchmarks.device import device_name, usable_device
from benchmarks.speed.imposed_cells import impose_in_training
from mmsrn.cli.arguments import positive, share
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
MEBIBYTE = 2**20


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.training',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--config',
        default=str(CONFIG),
        help=f'config of an SRN (default: {CONFIG.relative_to(ROOT)})',
    )
    parser.add_argument(
        '--size',
        type=positive,
        nargs='+',
        default=[640],
        metavar='PIXELS',
        help='height and width of the input, or one number for both '
        '(default: 640)',
    )
    parser.add_argument(
        '--batch-size', type=positive, default=1, help='images (default: 1)'
    )
    parser.add_argument(
        '--faces',
        type=positive,
        default=12,
        help='ground-truth boxes of each image (default: 12, the mean of '
        'WIDER FACE)',
    )
    parser.add_argument(
        '--forward',
        nargs='+',
        choices=('dense', 'selective', 'auto'),
        help='compare SRNs with these values of forward of train_cfg, in '
        'place of a RetinaNet',
    )
    parser.add_argument(
        '--survivors',
        type=share,
        metavar='SHARE',
        help='this share of the cells of each level survives STC, 0 to 1, in '
        'compact groups (default: what the initial weights leave)',
    )
    parser.add_argument(
        '--processor-time',
        action='store_true',
        help='time of the processor in place of that of the wall clock: on a '
        'CPU whose other programs disturb',
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
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision, as in training'
    )
    parser.add_argument(
        '--max-ratio',
        type=float,
        metavar='R',
        help='exit status 1 if SRN needs more than R times the time or '
        'memory of RetinaNet, or the last way those of the first',
    )
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='write the numbers to FILE'
    )
    return parser


def retinanet_cfg(srn: ConfigDict) -> dict:
    """Make the config of a RetinaNet that is like an SRN as far as it can be.

    Its thresholds are those of SRN's second step.
    """
    head = srn.bbox_head
    second_step = srn.train_cfg.second_step
    return dict(
        type='RetinaNet',
        data_preprocessor=srn.data_preprocessor,
        backbone=srn.backbone,
        neck=dict(
            type='FPN',
            in_channels=srn.neck.in_channels,
            out_channels=srn.neck.out_channels,
            add_extra_convs='on_input',
            num_outs=len(head.anchor_generator.strides),
        ),
        bbox_head=dict(
            type='RetinaHead',
            num_classes=head.num_classes,
            in_channels=head.in_channels,
            feat_channels=head.feat_channels,
            stacked_convs=head.stacked_convs,
            anchor_generator=head.anchor_generator,
            bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
            loss_cls=head.loss_cls,
            loss_bbox=head.loss_bbox,
        ),
        train_cfg=dict(
            dict(allowed_border=-1, pos_weight=-1, debug=False), **second_step
        ),
        test_cfg=srn.test_cfg,
    )


def build_step(model_cfg: dict, cfg: Config, args: argparse.Namespace) -> Step:
    """Build a model with its optimizer and input."""
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(model_cfg))
    model.init_weights()
    model.to(args.device).train()
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    for group in optim_wrapper.optimizer.param_groups:
        group['lr'] *= LR_FACTOR
    size = (args.size[0], args.size[-1])
    if args.survivors is not None:
        impose_in_training(model, args.survivors, size)
    batch = random_batch(args.batch_size, size, args.faces)
    clock = time.process_time if args.processor_time else time.perf_counter
    return Step(model, optim_wrapper, batch, clock)


def measure(cfg: Config, args: argparse.Namespace) -> dict:
    """Measure the models."""
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    srn = cfg.get('model', {})
    if srn.get('bbox_head', {}).get('type') != 'SRNHead':
        raise UserError(f'{args.config}: model.bbox_head is no SRNHead')
    srn.backbone.init_cfg = None  # no download: weights do not matter here
    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
    if args.forward:
        cfgs = {
            f'SRN {way}': dict(
                srn,
                bbox_head=dict(
                    srn.bbox_head,
                    execution=dict(inference='dense', training=way),
                ),
            )
            for way in args.forward
        }
        compared = f'SRN {args.forward[-1]}', f'SRN {args.forward[0]}'
    else:
        cfgs = {'SRN': srn, 'RetinaNet': retinanet_cfg(srn)}
        compared = 'SRN', 'RetinaNet'
    steps = {name: build_step(x, cfg, args) for name, x in cfgs.items()}
    models = compare(steps, args.iters, args.warmup)
    for name, step in steps.items():
        parameters = step.model.parameters()
        models[name]['parameters'] = sum(x.numel() for x in parameters)
    return {
        'config': Path(args.config).name,
        'batch': [args.batch_size, 3, args.size[0], args.size[-1]],
        'device': device_name(args.device),
        'amp': args.amp,
        'torch': torch.__version__,
        'threads': torch.get_num_threads(),
        'clock': 'processor' if args.processor_time else 'wall',
        'survivors': args.survivors,
        'models': models,
        'compared': compared,
        **{
            f'{name}_ratio': models[compared[0]][key]
            / models[compared[1]][key]
            for name, key in (
                ('time', 'seconds'),
                ('memory', 'peak_bytes'),
                ('operations', 'operations'),
            )
        },
    }


def table(result: dict) -> str:
    """Format the numbers for the terminal."""
    lines = [
        '{config}, batch {batch}, {device}, {threads} threads, '
        'torch {torch}{amp}'.format(
            **dict(result, amp=', AMP' if result['amp'] else '')
        ),
        f'{"":13} {"params":>10} {"median s":>9} {"(min-max)":>14} '
        f'{"peak MiB":>9} {"GMAC":>8}',
    ]
    for name, row in result['models'].items():
        spread = f'({row["seconds_min"]:.3f}-{row["seconds_max"]:.3f})'
        lines.append(
            f'{name:13} {row["parameters"] / 1e6:9.2f}M '
            f'{row["seconds"]:9.3f} {spread:>14} '
            f'{row["peak_bytes"] / MEBIBYTE:9.0f} '
            f'{row["operations"] / 1e9:8.1f}'
        )
    lines.append(
        f'{" / ".join(result["compared"])}: time {result["time_ratio"]:.2f}, '
        f'memory {result["memory_ratio"]:.2f}, multiply-adds '
        f'{result["operations_ratio"]:.2f}'
    )
    return '\n'.join(lines)


@user_errors('benchmarks.training')
def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    args = make_parser().parse_args(argv)
    if len(args.size) > 2:
        raise UserError('--size takes one or two numbers')
    cfg = read_config(args.config)
    args.device = usable_device(args.device)
    with one_line_errors(args.config):
        result = measure(cfg, args)
    print(table(result))
    write_json(args.json, result)
    worst = max(result['time_ratio'], result['memory_ratio'])
    if args.max_ratio is not None and worst > args.max_ratio:
        print(f'More than {args.max_ratio} times as much.', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
