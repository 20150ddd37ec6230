"""A small head of two steps, and maps, outputs and faces for it."""

import math

import numpy as np
import torch
from mmdet.registry import MODELS
from mmengine.config import ConfigDict

from mmsrn.testing.models import random_faces
from mmsrn.utils import register_all_modules

register_all_modules()

STRIDES = [4, 8, 16]
SIZE = (64, 96)
SIZES = [(16, 24), (8, 12), (4, 6)]


def step(pos, neg):
    return dict(
        assigner=dict(
            type='MaxIoUAssigner',
            pos_iou_thr=pos,
            neg_iou_thr=neg,
            min_pos_iou=0.3,
            ignore_iof_thr=0.5,
        )
    )


STEPS = dict(first_step=step(0.7, 0.3), second_step=step(0.5, 0.4))


def make(**kwargs):
    cfg = dict(
        type='SRNHead',
        num_classes=1,
        in_channels=8,
        feat_channels=8,
        stc_levels=(0, 1),
        str_levels=(2,),
        anchor_generator=dict(
            type='SRNAnchorGenerator',
            strides=STRIDES,
            ratios=[1.25],
            scales=[2, 2.828427],
        ),
        train_cfg=dict(STEPS, pos_weight=-1, debug=False),  # as in mmdet
        test_cfg=ConfigDict(
            nms_pre=100,
            score_thr=0.05,
            nms=dict(type='nms', iou_threshold=0.4, offset=1),
            max_per_img=50,
        ),
    )
    return MODELS.build(ConfigDict(dict(cfg, **kwargs)))


def maps(num_sets=2, batch=2, seed=0):
    gen = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(batch, 8, h, w, generator=gen)
        for _ in range(num_sets)
        for h, w in SIZES
    )


def random_outputs(head, batch=2, seed=0, scale=0.3, classes=1):
    """Outputs of `forward` drawn at random, scores on both sides of 0.01."""
    gen = torch.Generator().manual_seed(seed)

    def draw(channels, shift, wanted):
        return [
            (
                scale * torch.randn(batch, channels, h, w, generator=gen)
                + shift
            ).requires_grad_()
            if i in wanted
            else None
            for i, (h, w) in enumerate(SIZES)
        ]

    every = range(len(SIZES))
    a = head.num_base_priors
    return (
        [
            None if x is None else x
            for x in draw(a * classes, -4.6, head.stc_levels)
        ],
        draw(a * 4, 0.0, head.str_levels),
        draw(a * classes, -2.0, every),
        draw(a * 4, 0.0, every),
    )


def ground_truth(batch=2, num=5):
    gen = torch.Generator().manual_seed(9)
    gts = [random_faces(num, SIZE, gen) for _ in range(batch)]
    metas = [dict(img_shape=SIZE, pad_shape=SIZE)] * batch
    return gts, metas


def flat(x, i, channels):
    return x[i].permute(1, 2, 0).reshape(-1, channels).detach().double()


def decode(anchor, d):
    w, h = anchor[2] - anchor[0], anchor[3] - anchor[1]
    cx = anchor[0] + w / 2 + d[0] * w
    cy = anchor[1] + h / 2 + d[1] * h
    w, h = w * math.exp(d[2]), h * math.exp(d[3])
    return np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
