"""Selective training has the losses and gradients of dense training."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from mmsrn.models.dense_heads import SRNHead, selective_training
from mmsrn.models.necks.srn_pyramid import SRNPyramid
from mmsrn.models.sparse import row_layers
from mmsrn.testing.models import load_model_cfg, random_batch, random_faces

CONFIG = 'configs/_base_/models/srn_mobilenetv2_fpn.py'
STEP = dict(
    assigner=dict(
        type='MaxIoUAssigner',
        pos_iou_thr=0.4,
        neg_iou_thr=0.3,
        min_pos_iou=0.2,
        ignore_iof_thr=0.5,
    )
)
# Negatives and positives of an image are drawn: not even all levels that no
# selection thins out are read everywhere.
SAMPLED = dict(
    STEP,
    sampler=dict(
        type='RandomSampler',
        num=12,
        pos_fraction=0.5,
        add_gt_as_proposals=False,
    ),
)
CHANGES = {
    'plain': {},
    'separate': dict(separate_steps=True),
    'refine': dict(refine_predictor=True, refine_negatives=False),
    'no RFE': dict(rfe=None, stacked_convs=2),
    'fixed norms': dict(norm_cfg=dict(type='BN')),
    'classes': dict(num_classes=3),
    'softmax': dict(
        num_classes=2,
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False),
    ),
    'max-out': dict(type='MaxOutSRNHead', num_classes=2),
    'quality': dict(
        loss_cls=dict(type='QualityFocalLoss', use_sigmoid=True, beta=2.0)
    ),
    'sizes': dict(loss_cls=dict(type='ScaleAwareMarginLoss')),
    'GIoU': dict(
        reg_decoded_bbox=True,
        loss_bbox=dict(type='GIoULoss'),
        detach_anchors=False,
    ),
    'second GIoU': dict(
        loss_str=dict(type='STRLoss', loss_bbox_ss=dict(type='GIoULoss'))
    ),
    'positives too': dict(
        loss_stc=dict(type='STCLoss', spare_positives=False, per_image=True)
    ),
    'sampled': dict(train_cfg=dict(first_step=STEP, second_step=SAMPLED)),
}
LEVELS = [((0, 1), (2,)), ((), ()), ((0, 1, 2), (0, 1, 2)), ((2,), (0,))]


def small_head(stc=(0, 1), str_=(2,), seed=0, bias=-4.0, **changes):
    """Head of three levels, 8 channels, whose scores are spread."""
    torch.manual_seed(seed)
    cfg = dict(
        type='SRNHead',
        num_classes=1,
        in_channels=8,
        feat_channels=8,
        stc_levels=stc,
        str_levels=str_,
        anchor_generator=dict(
            type='SRNAnchorGenerator',
            strides=[4, 8, 16],
            ratios=[1.25],
            scales=[2, 2.828427],
        ),
        train_cfg=dict(first_step=STEP, second_step=STEP),
    )
    head = MODELS.build(ConfigDict({**cfg, **changes})).train()
    spread_outputs(head, bias)
    for norm in head.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.eval()
            for value in (norm.running_mean, norm.bias, norm.weight):
                torch.nn.init.normal_(value)
    return head


def spread_outputs(model, bias):
    """Weights with which scores differ much, and boxes stay in the image."""
    for name, conv in model.named_modules():
        if isinstance(conv, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(conv.weight)
            if name.startswith('conv_re'):  # conv_reg, conv_refine
                conv.weight.data.mul_(0.1)
            if name.startswith('conv_cls'):
                conv.bias.data.fill_(bias)
                if not model.use_sigmoid_cls:
                    conv.bias.data.fill_(0)
                    channels = model.cls_out_channels
                    conv.bias.data.view(-1, channels)[:, -1] = -bias


def random_maps(size, batch=1, seed=0, both=True, channels=8):
    generator = torch.Generator().manual_seed(seed)
    sizes = [size]
    for _ in range(2):
        sizes.append(tuple((x + 1) // 2 for x in sizes[-1]))
    return [
        torch.randn(batch, channels, *x, generator=generator)
        for x in sizes * (1 + both)
    ]


def ground_truth(size, faces, num_classes=1, seed=0):
    """Samples of images 4 times as large as the first maps."""
    generator = torch.Generator().manual_seed(seed)
    shape = tuple(4 * x for x in size)
    samples = []
    for num in faces:
        gts = random_faces(num, shape, generator)
        gts.labels = torch.randint(num_classes, (num,), generator=generator)
        sample = DetDataSample(metainfo=dict(img_shape=shape, pad_shape=shape))
        sample.gt_instances = gts
        sample.ignored_instances = random_faces(1, shape, generator)
        samples.append(sample)
    return samples


def in_double(monkeypatch, head, maps, samples):
    """The same with anchors and ground truth in float64."""
    get_anchors = type(head).get_anchors

    def double(self, *args, **kwargs):
        anchors, flags = get_anchors(self, *args, **kwargs)
        return [[x.double() for x in image] for image in anchors], flags

    monkeypatch.setattr(type(head), 'get_anchors', double)
    for sample in samples:
        for name in ('gt_instances', 'ignored_instances'):
            boxes = getattr(sample, name)
            boxes.bboxes = boxes.bboxes.double()
    return head.double(), [x.double() for x in maps], samples


def train(head, maps, samples, mode, **cfg):
    """Losses and log, and gradients by name; maps may be None."""
    head = copy.deepcopy(head)
    head.train_cfg = ConfigDict(head.train_cfg, forward=mode, **cfg)
    maps = [None if x is None else x.clone().requires_grad_() for x in maps]
    torch.manual_seed(0)  # of samplers
    log = head.loss(tuple(maps), copy.deepcopy(samples))
    sum(x for name, x in log.items() if 'loss' in name).backward()
    grads = {k: v.grad for k, v in head.named_parameters()}
    for i, x in enumerate(maps):
        if x is not None:
            grads[f'map {i}'] = x.grad
    return {k: v.detach() for k, v in log.items()}, grads


def assert_same(found, expected, rtol):
    """Losses and gradients, up to a share of the largest number of each."""
    for mine, theirs in zip(found, expected):
        assert mine.keys() == theirs.keys()
        for name, value in theirs.items():
            assert (value is None) == (mine[name] is None), name
            if value is not None:
                assert mine[name].dtype == value.dtype
                atol = rtol * value.abs().max().item()
                torch.testing.assert_close(
                    mine[name],
                    value,
                    rtol=rtol,
                    atol=max(atol, 1e-30),
                    msg=lambda text, name=name: f'{name}: {text}',
                )


# --- losses and gradients ----------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 999),
    size=st.tuples(st.integers(3, 24), st.integers(3, 24)),
    faces=st.sampled_from([(4, 0), (0, 0), (1, 5, 2), (30,)]),
    bias=st.sampled_from([-30.0, -6.0, -4.0, 3.0]),
    levels=st.sampled_from(LEVELS),
    mode=st.sampled_from(['selective', 'auto']),
    both=st.booleans(),
    changes=st.sampled_from(list(CHANGES)),
)
def test_in_float64(seed, size, faces, bias, levels, mode, both, changes):
    changes = CHANGES[changes]
    head = small_head(*levels, seed=seed, bias=bias, **changes)
    maps = random_maps(size, len(faces), seed, both)
    samples = ground_truth(size, faces, head.num_classes, seed)
    with pytest.MonkeyPatch.context() as patch:
        case = in_double(patch, head, maps, samples)
        expected = train(*case, 'dense')
        assert_same(train(*case, mode), expected, rtol=1e-10)


@pytest.fixture
def spread():
    """A head whose first step drops many cells, not all; maps; samples."""
    size = (24, 20)
    head, maps = small_head(), random_maps(size, 2)
    with torch.no_grad():
        cls_fs = head(tuple(maps))[0]
    alive = [head.survivors(x).float().mean() for x in cls_fs[:2]]
    assert all(0.1 < x < 0.9 for x in alive)
    samples = ground_truth(size, (5, 3))
    return head, maps, samples


def test_small(spread):
    expected = train(*spread, 'dense')
    for mode in ('selective', 'auto'):
        assert_same(train(*spread, mode), expected, rtol=1e-4)
