"""Loss and gradients of one global batch, over any number of processes.

Usage: torchrun --nproc-per-node N two_ranks.py OUT FORWARD
"""

import sys

import torch
import torch.distributed as dist
from mmdet.registry import MODELS
from mmengine.model import MMDistributedDataParallel

from mmsrn.testing.models import load_model_cfg, random_batch
from mmsrn.utils.cpu_processes import (
    leave_cpu_processes,
    start_cpu_processes,
)

IMAGES = 4
# Of each image: the ranks get different numbers, one image none at all.
FACES = (6, 1, 0, 3)


def main(out, forward):
    start_cpu_processes()
    rank, size = dist.get_rank(), dist.get_world_size()
    cfg = load_model_cfg('configs/_base_/models/srn_mobilenetv2_fpn.py')
    # Statistics of a batch differ between the ranks, so keep them fixed.
    cfg.backbone.norm_eval = True
    cfg.bbox_head.execution = dict(training=forward)
    torch.manual_seed(0)
    model = MODELS.build(cfg).train()
    # Large enough for STC to remove and for STR to move anchors.
    for conv in (model.bbox_head.conv_cls, model.bbox_head.conv_reg):
        torch.nn.init.normal_(conv.weight, std=1.0)
    torch.nn.init.constant_(model.bbox_head.conv_cls.bias, -4.6)
    # In float64: processes round differently, and the gradient of a ReLU jumps
    # where its input is next to 0.
    model.double()
    priors = model.bbox_head.prior_generator
    grid_priors = priors.grid_priors
    priors.grid_priors = lambda *args, **kwargs: [
        x.double() for x in grid_priors(*args, **kwargs)
    ]
    wrapped = MMDistributedDataParallel(model)
    inputs, samples = [], []
    for i in range(rank, IMAGES, size):
        batch = random_batch(1, num_faces=FACES[i], seed=i)
        inputs += batch['inputs']
        samples += batch['data_samples']
        gts = samples[-1].gt_instances
        gts.bboxes = gts.bboxes.double()
    data = model.data_preprocessor(
        dict(inputs=inputs, data_samples=samples), True
    )
    losses = wrapped(**data, mode='loss')
    total, log = model.parse_losses(losses)
    total.backward()
    values = {
        name: torch.as_tensor(log[name]).detach().clone()
        for name in log
        if name.startswith(('loss', 'stc_removed'))
    }
    for value in values.values():
        dist.all_reduce(value)
        value /= size
    if rank == 0:
        grads = {n: p.grad for n, p in model.named_parameters()}
        torch.save(dict(losses=values, grads=grads), out)
    leave_cpu_processes()


if __name__ == '__main__':
    main(*sys.argv[1:])
