"""Objects and background among the regions, their logits and their loss."""

import math

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures.bbox import bbox2roi
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from mmsrn.testing.models import load_model_cfg, random_batch
from mmsrn.utils import register_all_modules

register_all_modules()
CONFIG = 'configs/refineface/srn-fsm_r50_fpn_8xb4-130e_widerface.py'
SIDE = 64
SIZES = [(16, 16), (8, 8)]
NUM_ANCHORS = 2 * (16 * 16 + 8 * 8)


def make(**kwargs):
    cfg = dict(
        type='FeatureSupervisionHead',
        num_classes=1,
        in_channels=4,
        feat_channels=6,
        anchor_generator=dict(
            type='SRNAnchorGenerator',
            strides=[4, 8],
            ratios=[1.25],
            scales=[2, 2.828427],
        ),
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=0),
            out_channels=4,
            featmap_strides=[4, 8],
            finest_scale=7,
        ),
        assigner=dict(
            type='MaxIoUAssigner',
            pos_iou_thr=0.5,
            neg_iou_thr=0.4,
            min_pos_iou=0.3,
            ignore_iof_thr=0.5,
        ),
        sampler=dict(
            type='RandomSampler',
            num=16,
            pos_fraction=0.25,
            add_gt_as_proposals=False,
        ),
    )
    torch.manual_seed(0)
    return MODELS.build(ConfigDict(dict(cfg, **kwargs)))


def maps(num_sets=2, seed=0):
    gen = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(2, 4, *size, generator=gen)
        for _ in range(num_sets)
        for size in SIZES
    )


def samples(num_faces=3):
    found = random_batch(2, (SIDE, SIDE), num_faces)['data_samples']
    for sample in found:
        sample.set_metainfo(dict(pad_shape=(SIDE, SIDE)))
    return found


def iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    inter = max(width, 0) * max(height, 0)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return inter / (sum(areas) - inter)


def focal(z, positive):
    p = 1 / (1 + math.exp(-z))
    if positive:
        return -0.25 * (1 - p) ** 2 * math.log(p)
    return -0.75 * p**2 * math.log(1 - p)


def test_logit_by_hand():
    """One convolution of constant regions.

    Of 7x7 places 25 see nine values, 20 at the edges six, 4 corners four.
    """
    head = make(num_convs=1, in_channels=4)
    with torch.no_grad():
        head.conv_cls.weight.fill_(0.1)
        head.conv_cls.bias.fill_(0.5)
    levels = tuple(
        torch.full((2, 4, *size), value)
        for size, value in zip(SIZES, (1.0, 3.0))
    )
    # Sides of 10 and of 20 pixels: from the fine and from the coarse map.
    rois = torch.tensor([[0, 20, 20, 30, 30], [1, 10, 10, 30, 30]]).float()
    mean = (25 * 9 + 20 * 6 + 4 * 4) / 49 * 4 * 0.1
    expected = [mean * 1 + 0.5, mean * 3 + 0.5]
    assert head(levels, rois)[:, 0].tolist() == pytest.approx(expected)


def test_anchors_come_from_the_map_of_their_level(root):
    cfg = load_model_cfg(root / CONFIG).auxiliary_head
    head = MODELS.build(cfg)
    for level, anchors in enumerate(head.prior_generator.base_anchors):
        rois = bbox2roi([anchors])
        found = head.bbox_roi_extractor.map_roi_levels(rois, 6)
        assert found.tolist() == [level, level]


def test_four_convolutions():
    head = make()
    kinds = [x for x in head.modules() if isinstance(x, torch.nn.Conv2d)]
    assert [x.kernel_size for x in kinds] == [(3, 3)] * 4
    assert [x.in_channels for x in kinds] == [4, 6, 6, 6]
    regions = torch.randn(5, 4, 7, 7)
    head.bbox_roi_extractor.forward = lambda maps, rois: regions
    x = regions
    for conv in kinds[:-1]:
        x = torch.nn.functional.conv2d(x, conv.weight, conv.bias, padding=1)
        x = x.clamp(min=0)
    x = torch.nn.functional.conv2d(
        x, kinds[-1].weight, kinds[-1].bias, padding=1
    )
    expected = x.sum((2, 3)) / 49
    torch.testing.assert_close(head((), torch.zeros(5, 5)), expected)


@pytest.mark.parametrize('first_step', [False, True])
def test_maps_of_one_step(first_step):
    head = make(first_step=first_step)
    x = maps()
    used = x[:2] if first_step else x[2:]
    assert all(a is b for a, b in zip(head.select_maps(x), used))
    assert head.select_maps(x[:2]) == x[:2]  # one set for both steps


def test_samples_against_loops():
    """Every anchor drawn is what its overlaps say, and as many as asked."""
    head = make()
    batch = samples()
    anchors, labels = head.sample(SIZES, batch)
    assert anchors.shape == (NUM_ANCHORS, 4)
    assert labels.shape == (2, NUM_ANCHORS)
    for sample, row in zip(batch, labels):
        faces = sample.gt_instances.bboxes.tolist()
        table = [[iou(a, f) for f in faces] for a in anchors.tolist()]
        best = [max(column) for column in zip(*table)]
        positive = []
        for overlaps, label in zip(table, row.tolist()):
            # By its overlap, or as the best of a face.
            if max(overlaps) >= 0.5 or any(
                o >= 0.3 and o == pytest.approx(b, abs=1e-5)
                for o, b in zip(overlaps, best)
            ):
                positive.append(label)
                assert label in (-1, 0)
            elif max(overlaps) < 0.4:
                assert label in (-1, 1)
            else:
                assert label == -1
        drawn = row.tolist()
        assert drawn.count(0) == min(4, len(positive)) > 0
        assert drawn.count(0) + drawn.count(1) == 16


def test_nothing_is_drawn_from_padding_or_ignored_faces():
    head = make(sampler=dict(type='PseudoSampler'))
    batch = samples()
    batch[0].set_metainfo(dict(pad_shape=(32, 64)))
    batch[1].ignored_instances = InstanceData(
        bboxes=torch.tensor([[0.0, 0.0, 32.0, 64.0]])
    )
    anchors, labels = head.sample(SIZES, batch)
    centre = (anchors[:, :2] + anchors[:, 2:]) / 2
    drawn = labels == 1
    assert drawn[:, (centre[:, 1] < 20) & (centre[:, 0] > 40)].any(1).all()
    assert not drawn[0, centre[:, 1] > 36].any()
    inside = (anchors >= 0).all(1) & (anchors <= SIDE).all(1)
    assert not drawn[1, inside & (centre[:, 0] < 26)].any()


def test_loss_by_hand():
    """Sum over both images, divided by their objects."""
    head = make()
    x, batch = maps(), samples()
    torch.manual_seed(3)
    anchors, labels = head.sample(SIZES, batch)
    total, objects = 0, 0
    for image, row in enumerate(labels):
        for anchor, label in zip(anchors, row.tolist()):
            if label < 0:
                continue
            roi = torch.cat([torch.tensor([float(image)]), anchor])[None]
            total += focal(head(x[2:], roi).item(), label == 0)
            objects += label == 0
    assert objects > 1
    torch.manual_seed(3)
    losses = head.loss(x, batch)
    assert list(losses) == ['loss_fsm']
    assert losses['loss_fsm'].item() == pytest.approx(
        total / objects, rel=1e-4
    )


def test_without_faces():
    head = make()
    head.init_weights()
    loss = head.loss(maps(), samples(0))['loss_fsm']
    # Two times sixteen of background, each at a probability of 0.01.
    expected = 32 * focal(math.log(0.01 / 0.99), False)
    assert loss.item() == pytest.approx(expected, rel=0.03)
    loss.backward()
    assert all(x.grad.isfinite().all() for x in head.parameters())


def test_without_regions():
    """The graph stays whole, for training in several processes."""
    head, batch = make(), samples()
    for sample in batch:
        sample.set_metainfo(dict(pad_shape=(0, 0)))
    x = [v.requires_grad_() for v in maps()]
    loss = head.loss(x, batch)['loss_fsm']
    loss.backward()
    assert loss == 0
    assert all((p.grad == 0).all() for p in head.parameters())
    assert all((v.grad == 0).all() for v in x[2:])


def test_mixed_precision():
    """Regions as exact as without it, from bfloat16 maps as well."""
    head, batch = make(), samples()
    regions = []
    head.bbox_roi_extractor.register_forward_hook(
        lambda module, inputs, out: regions.append(out)
    )
    low = tuple(x.bfloat16() for x in maps())
    exact = tuple(x.float() for x in low)
    found = []
    for x, enabled in ((exact, False), (low, True)):
        torch.manual_seed(3)
        with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
            found.append(head.loss(x, batch)['loss_fsm'])
    assert regions[1].dtype == found[1].dtype == torch.float32
    assert torch.equal(*regions)
    assert found[1].item() == pytest.approx(found[0].item(), rel=0.02)
    found[1].backward()
    assert all(x.grad.isfinite().all() for x in head.parameters())


def test_bad_maps():
    with pytest.raises(ValueError, match='put out 2 or 4 maps; it put out 3'):
        make().loss(maps()[:3], samples())
    head = make(first_step=True)
    with pytest.raises(ValueError, match=r'maps \[1\].*first_step_levels'):
        head.loss((maps()[0], None, *maps()[2:]), samples())


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(num_convs=0), 'num_convs=0 must be at least 1'),
        (dict(loss_cls=dict(type='CrossEntropyLoss')), 'use_sigmoid=True'),
        (
            dict(sampler=dict(type='RandomSampler', num=4, pos_fraction=0.5)),
            'add_gt_as_proposals=False',
        ),
        (dict(loss_cls=dict(type='QualityFocalLoss')), 'use FocalLoss'),
        (dict(loss_cls=dict(type='VarifocalLoss')), 'use FocalLoss'),
        (dict(loss_cls=dict(type='GHMC')), 'GHMC ignores the weights'),
    ],
)
def test_bad_settings(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(**kwargs)
