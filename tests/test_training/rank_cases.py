"""Losses and gradients of several models, over any number of processes.

Usage: torchrun --nproc-per-node N rank_cases.py OUT

Except where layers are frozen, no process looks for unused parameters: a
weight that gets no gradient in one of them would make the next step fail.
"""

import sys

import torch
import torch.distributed as dist
from mmdet.registry import MODELS
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import MODELS as ROOT_MODELS
from torch.distributed.nn.functional import all_reduce

from mmsrn.models.utils.channel_pruning import ChannelPruner
from mmsrn.testing.models import load_model_cfg, random_batch
from mmsrn.utils.cpu_processes import (
    leave_cpu_processes,
    start_cpu_processes,
)

IMAGES = 4  # the even ones are of process 0
LARGE, SMALL = [20.0, 10, 90, 100], [30.0, 30, 38, 40]
BOTH = {i: [LARGE, SMALL] for i in range(IMAGES)}


class BatchNormOfRanks(torch.nn.BatchNorm2d):
    """Statistics of all processes; torch's own runs on GPUs alone."""

    def forward(self, x):
        moments = torch.stack([x.mean((0, 2, 3)), (x * x).mean((0, 2, 3))])
        mean, square = all_reduce(moments) / dist.get_world_size()
        scale = self.weight * (square - mean**2 + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return x * scale[:, None, None] + shift[:, None, None]


def two_necks(cfg):
    sizes = dict(
        in_channels=cfg.neck.in_channels,
        out_channels=cfg.neck.out_channels,
        num_outs=6,
    )
    return dict(
        type='TwoStepNeck',
        first=dict(type='ChannelMapper', kernel_size=1, **sizes),
        second=dict(type='FPN', add_extra_convs='on_input', **sizes),
    )


# What differs from the demo's model, and the faces of each image.
CASES = dict(
    sync_bn=(dict(norm_cfg=dict(type='BatchNormOfRanks')), BOTH),
    no_faces_in_one=(dict(), {0: [LARGE, SMALL], 2: [LARGE, SMALL]}),
    no_faces=(dict(separate_steps=True), {}),
    str_positives_in_one=(
        dict(refine_predictor=True, separate_steps=True),
        {0: [LARGE], 1: [SMALL], 2: [LARGE], 3: [SMALL]},
    ),
    str_off=(dict(str_levels=()), BOTH),
    stc_off=(dict(stc_levels=()), BOTH),
    both_off=(dict(stc_levels=(), str_levels=()), BOTH),
    two_necks_stc_off=(dict(stc_levels=()), BOTH),
    pruned_and_frozen=(dict(), BOTH),
)


def build(name):
    if name == 'pruned_and_frozen':
        cfg = load_model_cfg('configs/_base_/models/srn_mobilenetv2_fpn.py')
        cfg.backbone.update(norm_eval=True, frozen_stages=2)
    else:
        cfg = load_model_cfg(
            'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
        )
        cfg.backbone.update(norm_eval=True, zero_init_residual=False)
    for key, value in CASES[name][0].items():
        cfg.bbox_head[key] = value
    if name.startswith('two_necks'):
        cfg.neck = two_necks(cfg)
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    return model


def prune(model, data):
    """Choose channels from what all processes see."""
    for conv in (model.bbox_head.conv_cls, model.bbox_head.conv_reg):
        torch.nn.init.normal_(conv.weight, std=0.1)
    pruner = ChannelPruner(model.bbox_head, 24)
    inputs = model.data_preprocessor(data)['inputs']
    pruner.observe(model.extract_feat(inputs))
    pruner.prune()
    layers = (model.bbox_head.cls_convs, model.bbox_head.reg_convs)
    assert all(x[-1].conv.weight.flatten(1).any(1).sum() == 24 for x in layers)


def run(name):
    rank, size = dist.get_rank(), dist.get_world_size()
    model, faces = build(name), CASES[name][1]
    special = name == 'pruned_and_frozen'
    # The runner wraps first; MobileNetV2 freezes its layers in train().
    wrapped = MMDistributedDataParallel(model, find_unused_parameters=special)
    wrapped.train()
    frozen = [not x.requires_grad for x in model.backbone.parameters()]
    assert any(frozen) == special and not all(frozen)
    inputs, samples = [], []
    for i in range(rank, IMAGES, size):
        batch = random_batch(1, num_faces=len(faces.get(i, ())), seed=i)
        if i in faces:
            gts = batch['data_samples'][0].gt_instances
            gts.bboxes = torch.tensor(faces[i])
        inputs += batch['inputs']
        samples += batch['data_samples']
    data = dict(inputs=inputs, data_samples=samples)
    if special:
        prune(model, data)
    for _ in range(2):  # the second waits for gradients of the first
        model.zero_grad()
        losses = wrapped(**model.data_preprocessor(data, True), mode='loss')
        total, log = model.parse_losses(losses)
        total.backward()
    values = {k: torch.as_tensor(v) for k, v in log.items() if 'loss' in k}
    values = {k: v.detach().clone() for k, v in values.items()}
    for value in values.values():
        dist.all_reduce(value)
        value /= size
    grads = {n: p.grad for n, p in model.named_parameters() if p.requires_grad}
    return dict(losses=values, grads=grads)


def main(out):
    start_cpu_processes()
    ROOT_MODELS.register_module(module=BatchNormOfRanks)
    results = {name: run(name) for name in CASES}
    if dist.get_rank() == 0:
        torch.save(results, out)
    leave_cpu_processes()


if __name__ == '__main__':
    main(*sys.argv[1:])
