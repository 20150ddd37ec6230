"""The largest background logit counts on the lowest level."""

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import ConfigDict

from mmsrn.testing.models import random_faces
from mmsrn.utils import register_all_modules

register_all_modules()
SIZES = [(8, 6), (4, 3), (2, 2)]
PRIORS = 2


def make(type_='MaxOutSRNHead', **kwargs):
    assigner = dict(
        type='MaxIoUAssigner',
        pos_iou_thr=0.5,
        neg_iou_thr=0.4,
        min_pos_iou=0,
    )
    cfg = dict(
        type=type_,
        num_classes=1,
        in_channels=8,
        feat_channels=8,
        rfe=None,
        stacked_convs=1,
        stc_levels=(0, 1),
        str_levels=(2,),
        anchor_generator=dict(
            type='SRNAnchorGenerator',
            strides=[4, 8, 16],
            ratios=[1.25],
            scales=[2, 2.828427],
        ),
        train_cfg=dict(
            first_step=dict(assigner=assigner),
            second_step=dict(assigner=assigner),
        ),
        test_cfg=ConfigDict(
            nms_pre=100,
            score_thr=0.05,
            nms=dict(type='nms', iou_threshold=0.4),
            max_per_img=50,
        ),
    )
    torch.manual_seed(0)
    return MODELS.build(ConfigDict(dict(cfg, **kwargs)))


def maps(seed=0):
    gen = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(2, 8, *size, generator=gen)
        for _ in range(2)
        for size in SIZES
    )


def by_hand(predictor, features, classes, backgrounds):
    """Cell by cell; the channels of all classes come first."""
    weight, bias = predictor.weight[..., 0, 0], predictor.bias
    num, _, height, width = features.shape
    out = torch.zeros(num, PRIORS * classes, height, width)
    for image in range(num):
        for y in range(height):
            for x in range(width):
                raw = (weight @ features[image, :, y, x] + bias).tolist()
                faces, rest = raw[: PRIORS * classes], raw[PRIORS * classes :]
                for prior in range(PRIORS):
                    start = prior * backgrounds
                    most = max(rest[start : start + backgrounds])
                    for c in range(classes):
                        i = prior * classes + c
                        out[image, i, y, x] = faces[i] - most
    return out


@pytest.mark.parametrize('separate', [False, True])
@pytest.mark.parametrize('classes, backgrounds', [(1, 3), (2, 4), (1, 1)])
def test_forward_by_hand(classes, backgrounds, separate):
    """Both steps on level 0, and the other levels as without."""
    head = make(
        num_classes=classes,
        num_backgrounds=backgrounds,
        separate_steps=separate,
    )
    x = maps()
    cls_fs, bbox_fs, cls_ss, bbox_ss = head(x)
    first = [head.cls_convs, head.conv_cls]
    if separate:
        first = [head.cls_convs_fs, head.conv_cls_fs]
    for found, source, (subnet, predictor) in (
        (cls_fs[0], x[0], first),
        (cls_ss[0], x[3], (head.cls_convs, head.conv_cls)),
    ):
        expected = by_hand(predictor, subnet(source), classes, backgrounds)
        torch.testing.assert_close(found, expected)

    plain = make('SRNHead', num_classes=classes, separate_steps=separate)
    state = head.state_dict()
    for name in ('conv_cls', 'conv_cls_fs')[: 1 + separate]:
        for key in (f'{name}.weight', f'{name}.bias'):
            assert len(state[key]) == PRIORS * (classes + backgrounds)
            state[key] = state[key][: PRIORS * classes]
    plain.load_state_dict(state)
    outputs = zip(
        (cls_fs, cls_ss, bbox_fs, bbox_ss), plain(x)[::2] + plain(x)[1::2]
    )
    for which, (ours, theirs) in enumerate(outputs):
        assert [v is None for v in ours] == [v is None for v in theirs]
        for i, (a, b) in enumerate(zip(ours, theirs)):
            if a is None:
                continue
            assert a.shape == b.shape
            changed = i == 0 and which < 2  # logits of the lowest level
            assert torch.allclose(a, b, atol=1e-6) != changed


def test_score_is_that_of_the_published_softmax():
    """Of the face and the largest of three background logits."""
    head = make()
    x = maps()
    raw = head.conv_cls(head.cls_convs(x[3])).permute(0, 2, 3, 1)
    scores = head(x)[2][0].permute(0, 2, 3, 1).sigmoid()
    for prior in range(PRIORS):
        start = PRIORS + 3 * prior
        most = raw[..., start : start + 3].amax(-1)
        pair = torch.stack([raw[..., prior], most], -1).softmax(-1)
        torch.testing.assert_close(scores[..., prior], pair[..., 0])


def test_gradient_reaches_the_largest_background_alone():
    head = make(stc_levels=())
    with torch.no_grad():
        head.conv_cls.weight.zero_()
        head.conv_cls.bias.copy_(torch.tensor([0, 0, 1, 3, 2, 9, 7, 8.0]))
    head(maps())[2][0].sum().backward()
    cells = 2 * 8 * 6
    expected = torch.tensor([1, 1, 0, -1, 0, -1, 0, 0.0]) * cells
    torch.testing.assert_close(head.conv_cls.bias.grad, expected)


@pytest.mark.parametrize('separate', [False, True])
def test_a_face_starts_improbable(separate, tmp_path):
    head = make(separate_steps=separate, feat_channels=64)
    head.init_weights()
    cls_fs, _, cls_ss, _ = head(maps())
    for logits in (*cls_fs[:2], *cls_ss):
        assert ((logits.sigmoid() - 0.01).abs() < 0.002).all()
    # A head loaded from a checkpoint keeps what it has learnt.
    with torch.no_grad():
        head.conv_cls.bias.uniform_()
    file = str(tmp_path / 'head.pth')
    torch.save(head.state_dict(), file)
    other = make(
        separate_steps=separate,
        feat_channels=64,
        init_cfg=dict(type='Pretrained', checkpoint=file),
    )
    other.init_weights()
    assert torch.equal(other.conv_cls.bias, head.conv_cls.bias)


def test_trains_and_predicts():
    """The gate of the first step sees level 0 as the detections do."""
    head = make()
    gen = torch.Generator().manual_seed(1)
    gts = [random_faces(3, (32, 24), gen) for _ in range(2)]
    meta = dict(img_shape=(32, 24), pad_shape=(32, 24))
    meta['scale_factor'] = (1.0, 1.0)
    outputs = head(maps())
    losses = head.loss_by_feat(*outputs, gts, [meta] * 2)
    sum(v for k, v in losses.items() if k.startswith('loss')).backward()
    for name, value in head.named_parameters():
        assert value.grad is not None and value.grad.isfinite().all(), name
    assert (head.conv_cls.weight.grad.abs().sum((1, 2, 3)) > 0).all()

    found = head.predict_by_feat(*outputs, [meta] * 2)
    plain = make('SRNHead').predict_by_feat(*outputs, [meta] * 2)
    for ours, theirs in zip(found, plain):
        assert 0 < len(ours) == len(theirs)
        assert torch.equal(ours.scores, theirs.scores)
        assert torch.equal(ours.bboxes, theirs.bboxes)


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(num_backgrounds=0), 'num_backgrounds=0 must be at least 1'),
        (dict(loss_cls=dict(type='CrossEntropyLoss')), 'use_sigmoid=True'),
    ],
)
def test_bad_settings(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(**kwargs)
