"""The four losses against an independent transcription, to 1e-6."""

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.structures import InstanceData

from mmsrn.testing.models import load_model_cfg
from tests.oracles import srn_losses

SIZE = (512, 640)
LEVELS = [
    ((0, 1, 2), (3, 4, 5)),
    ((), (3, 4, 5)),
    ((0, 1, 2), ()),
    ((), ()),
    ((2, 5), (0, 5)),
]


@pytest.fixture(scope='module')
def anchors():
    return srn_losses.make_anchors(SIZE)


def boxes_in(rng, num, smallest, largest):
    """Upright boxes in the image; mmdet encodes them in float32."""
    side = np.exp(rng.uniform(np.log(smallest), np.log(largest), num))
    sides = np.stack([side, side * rng.uniform(1.1, 1.4, num)], axis=1)
    start = rng.uniform(0, 1, (num, 2)) * (np.array(SIZE[::-1]) - sides)
    return np.round(np.concatenate([start, start + sides], axis=1) * 16) / 16


def draw(rng, anchors, levels, faces=9):
    """Outputs and faces of an image; some faces for each of P5 to P7."""
    num = len(anchors)
    large = [boxes_in(rng, 1, x, 1.2 * x) for x in (60, 120, 240)]
    found = np.concatenate([boxes_in(rng, faces, 7, 60), *large])
    return dict(
        cls1=rng.normal(-4.6, 1, num),
        box1=rng.normal(0, 0.1, (num, 4)),
        cls2=rng.normal(-3, 2, num),
        box2=rng.normal(0, 0.2, (num, 4)),
        faces=found if faces else found[:0],
        ignored=boxes_in(rng, 2, 10, 100),
    )


def ours(images, anchors, levels, head):
    """Losses of the head for the same outputs, in float64."""
    head.prior_generator.grid_priors = lambda sizes, **_: [
        torch.from_numpy(anchors[levels == i]) for i in range(len(sizes))
    ]

    def maps(name, channels, wanted):
        found = []
        for i, stride in enumerate(srn_losses.STRIDES):
            rows, columns = (-(-side // stride) for side in SIZE)
            values = [
                x[name][levels == i].reshape(rows, columns, 2 * channels)
                for x in images
            ]
            values = torch.from_numpy(np.stack(values)).permute(0, 3, 1, 2)
            found.append(values if i in wanted else None)
        return found

    def instances(name):
        return [
            InstanceData(
                bboxes=torch.from_numpy(x[name]),
                labels=torch.zeros(len(x[name]), dtype=torch.long),
            )
            for x in images
        ]

    every = range(len(srn_losses.STRIDES))
    return head.loss_by_feat(
        maps('cls1', 1, head.stc_levels),
        maps('box1', 4, head.str_levels),
        maps('cls2', 1, every),
        maps('box2', 4, every),
        instances('faces'),
        [dict(img_shape=SIZE, pad_shape=SIZE)] * len(images),
        instances('ignored'),
    )


def build(root, stc, str_, theta=0.99):
    cfg = load_model_cfg(root / 'configs/_base_/models/srn_r50_fpn.py')
    head = dict(cfg.bbox_head, in_channels=4, feat_channels=4)
    head.update(stc_levels=stc, str_levels=str_, theta=theta)
    return MODELS.build(dict(head, train_cfg=cfg.train_cfg))


def check(found, expected):
    names = [x for x in found if x.startswith('loss')]
    assert sorted(names) == sorted(expected)
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value, 1e-6, 1e-6), name
        assert value > 0


def test_anchors(root, anchors):
    """So that both speak of the same; ours are in float32."""
    sizes = [[-(-x // s) for x in SIZE] for s in srn_losses.STRIDES]
    generator = build(root, (), ()).prior_generator
    priors = torch.cat(generator.grid_priors(sizes, device='cpu')).numpy()
    np.testing.assert_allclose(priors, anchors[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize('levels', LEVELS)
@pytest.mark.parametrize('seed', range(3))
def test_the_training_step(root, anchors, levels, seed):
    rng = np.random.default_rng(seed)
    theta = (0.99, 0.9, 0.995)[seed]
    images = [draw(rng, *anchors) for _ in range(2)]
    expected, seen = srn_losses.losses(images, *anchors, *levels, theta)
    if levels[1] == (3, 4, 5):  # loss_bbox_fs is of all of P5 to P7
        assert seen == {3, 4, 5}
    check(ours(images, *anchors, build(root, *levels, theta)), expected)


def test_an_image_without_faces(root, anchors):
    rng = np.random.default_rng(9)
    images = [draw(rng, *anchors, faces=x) for x in (4, 0)]
    expected, _ = srn_losses.losses(images, *anchors)
    check(ours(images, *anchors, build(root, *LEVELS[0])), expected)
