"""Both face metrics over a made-up set, by any number of processes.

Usage: torchrun --nproc-per-node N face_metrics.py OUT
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from mmdet.registry import METRICS
from mmdet.structures import DetDataSample
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from mmsrn.evaluation.metrics import DarkFaceMetric, WiderFaceMetric
from mmsrn.utils.cpu_processes import (
    leave_cpu_processes,
    start_cpu_processes,
)

IMAGES = 7  # no multiple of two: the sampler gives one of them twice


def make_sample(index):
    """Some faces, detections beside them, and others anywhere."""
    rng = np.random.default_rng(index)
    start = rng.uniform(0, 400, (index % 4, 2))
    faces = np.hstack([start, start + rng.uniform(10, 60, start.shape)])
    found = np.vstack([faces, faces + 3, rng.uniform(0, 500, (5, 4))])
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 5)
    sample = DetDataSample(
        metainfo=dict(
            img_path=f'event/{index}.jpg',
            ori_shape=(500, 500),
            instances=[
                dict(bbox=x, bbox_label=0, ignore_flag=int(i == 2), blur=1)
                for i, x in enumerate(faces.tolist())
            ],
        )
    )
    sample.pred_instances = InstanceData(
        bboxes=torch.from_numpy(found),
        # Of equal scores the order must be that of one process.
        scores=torch.from_numpy(rng.integers(1, 5, len(found)) / 5),
        labels=torch.zeros(len(found), dtype=torch.long),
    )
    return sample


def main(out):
    start_cpu_processes()
    evaluator = Evaluator(
        [
            METRICS.build(dict(type=kind, extras='all', outfile_prefix=prefix))
            for kind, prefix in (
                (WiderFaceMetric, f'{out}/wider'),
                (DarkFaceMetric, f'{out}/dark'),
            )
        ]
    )
    evaluator.dataset_meta = dict(classes=('face',))
    for index in DefaultSampler(range(IMAGES), shuffle=False):
        evaluator.process([make_sample(index)])
    numbers = evaluator.evaluate(IMAGES)
    Path(out, f'{dist.get_rank()}.json').write_text(json.dumps(numbers))
    leave_cpu_processes()


if __name__ == '__main__':
    main(sys.argv[1])
