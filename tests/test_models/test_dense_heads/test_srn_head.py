"""The two-step head: outputs, losses, gradients and detections."""

import math

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from torch.utils.flop_counter import FlopCounterMode

from mmsrn.testing.models import random_batch, random_faces
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


def test_forward_of_two_sets():
    head, x = make(), maps()
    cls_fs, bbox_fs, cls_ss, bbox_ss = head(x)
    assert [v is not None for v in cls_fs] == [True, True, False]
    assert [v is not None for v in bbox_fs] == [False, False, True]
    torch.testing.assert_close(cls_fs[1], head.forward_cls(x[1]))
    torch.testing.assert_close(bbox_fs[2], head.forward_reg(x[2]))
    for i, size in enumerate(SIZES):
        assert cls_ss[i].shape == (2, 2, *size)
        assert bbox_ss[i].shape == (2, 8, *size)
        torch.testing.assert_close(cls_ss[i], head.forward_cls(x[3 + i]))


def test_forward_of_one_set():
    """As after a plain FPN: both steps see the same maps."""
    cls_fs, bbox_fs, cls_ss, bbox_ss = make()(maps(1))
    assert cls_fs[0] is cls_ss[0] and bbox_fs[2] is bbox_ss[2]


@pytest.mark.parametrize('num_sets', [1, 2])
def test_predictor_of_moved_anchors(num_sets):
    head = make(refine_predictor=True)
    x = maps(num_sets)
    _, bbox_fs, _, bbox_ss = head(x)
    for i, second in enumerate(x[-3:]):
        predictor = head.conv_refine if i == 2 else head.conv_reg
        deltas = predictor(head.reg_convs(second))
        torch.testing.assert_close(bbox_ss[i], deltas)
    deltas = head.conv_reg(head.reg_convs(x[2]))
    torch.testing.assert_close(bbox_fs[2], deltas)
    assert not hasattr(make(), 'conv_refine')
    without = make(refine_predictor=True, str_levels=())
    assert not hasattr(without, 'conv_refine')


@pytest.mark.parametrize('num_sets', [1, 2])
@pytest.mark.parametrize('levels', [((0, 1), (2,)), ((0,), ()), ((), (1, 2))])
def test_separate_steps(num_sets, levels):
    """The first step's own layers give its outputs, and get a gradient."""
    stc, strs = levels
    head = make(separate_steps=True, stc_levels=stc, str_levels=strs)
    head.init_weights()
    x = maps(num_sets)
    outputs = cls_fs, bbox_fs, cls_ss, bbox_ss = head(x)
    for i, second in enumerate(x[-3:]):
        if i in stc:
            logits = head.conv_cls_fs(head.cls_convs_fs(x[i]))
            torch.testing.assert_close(cls_fs[i], logits)
        if i in strs:
            deltas = head.conv_reg_fs(head.reg_convs_fs(x[i]))
            torch.testing.assert_close(bbox_fs[i], deltas)
        logits = head.conv_cls(head.cls_convs(second))
        torch.testing.assert_close(cls_ss[i], logits)
        deltas = head.conv_reg(head.reg_convs(second))
        torch.testing.assert_close(bbox_ss[i], deltas)
    assert hasattr(head, 'cls_convs_fs') == bool(stc)
    assert hasattr(head, 'reg_convs_fs') == bool(strs)

    gts, metas = ground_truth()
    losses = head.loss_by_feat(*outputs, gts, metas)
    sum(v for k, v in losses.items() if k.startswith('loss')).backward()
    for name, value in head.named_parameters():
        assert value.grad is not None, name
    shared = {name for name, _ in make().named_parameters()}
    own = {name for name, _ in head.named_parameters()} - shared
    assert all('_fs.' in name for name in own)


@pytest.mark.parametrize('loss', ['FocalLoss', 'CrossEntropyLoss'])
def test_separate_steps_start_alike(loss):
    head = make(separate_steps=True, loss_cls=dict(type=loss))
    head.init_weights()
    assert head.conv_cls.bias.unique().numel() < 3
    torch.testing.assert_close(head.conv_cls_fs.bias, head.conv_cls.bias)
    assert not head.conv_cls_fs.weight.equal(head.conv_cls.weight)


KAIMING = dict(type='Kaiming', layer='Conv2d')


@pytest.mark.parametrize('loss', ['FocalLoss', 'CrossEntropyLoss'])
def test_separate_predictors_start_alike_whatever_the_towers(loss):
    """As in a short training, whose subnets are not N(0, 0.01)."""
    head = make(
        separate_steps=True,
        refine_predictor=True,
        feat_channels=64,
        loss_cls=dict(type=loss),
        init_cfg=KAIMING,
        predictor_init=dict(
            reg=dict(type='Normal', std=0.01),
            refine=dict(type='Normal', std=0.001),
        ),
    )
    head.init_weights()
    for name, std in (('cls', 0.01), ('reg', 0.01)):
        for step in ('', '_fs'):
            layer = getattr(head, f'conv_{name}{step}')
            assert layer.weight.std().item() == pytest.approx(std, rel=0.2)
    assert head.conv_refine.weight.std().item() == pytest.approx(1e-3, rel=0.2)
    bias = head.conv_cls.bias.reshape(2, -1)
    torch.testing.assert_close(bias[:, 0], torch.full((2,), -4.59512))
    assert head.conv_cls_fs.bias.equal(head.conv_cls.bias)
    for layer in (head.conv_reg, head.conv_reg_fs, head.conv_refine):
        assert not layer.bias.any()
    for subnet in (head.cls_convs, head.cls_convs_fs, head.reg_convs_fs):
        assert subnet[0].conv.weight.std() > 0.04


def test_roles_are_the_overrides_of_old_configs():
    """To the bit, as in the training of the weights that ship."""
    roles = dict(
        reg=dict(type='Normal', std=0.01),
        refine=dict(type='Normal', std=0.001),
    )
    named = [
        dict(type='Normal', name='conv_cls', std=0.01, bias_prob=0.01),
        *[dict(cfg, name=f'conv_{x}') for x, cfg in roles.items()],
    ]
    states = []
    for cfg in (
        dict(init_cfg=KAIMING, predictor_init=roles),
        dict(init_cfg=dict(KAIMING, override=named)),
    ):
        torch.manual_seed(0)
        head = make(refine_predictor=True, **cfg)
        head.init_weights()
        states.append(head.state_dict())
    for name, value in states[0].items():
        assert value.equal(states[1][name]), name


@pytest.mark.parametrize('as_list', [False, True])
def test_initialisation_of_what_is_not_built(as_list):
    """An `override` as configs had it, and more that options leave out."""
    normal = dict(type='Normal', std=0.5)
    names = ('conv_cls', 'conv_reg', 'conv_refine', 'conv_cls_fs')
    init_cfg = dict(KAIMING, override=[dict(normal, name=x) for x in names])
    init_cfg['override'].append(dict(KAIMING, name='reg_convs_fs'))
    if as_list:
        norm = dict(type='Constant', layer='GroupNorm', val=1)
        init_cfg = [init_cfg, norm]
    for levels in ((2,), ()):
        for options in (dict(), dict(refine_predictor=True)):
            head = make(init_cfg=init_cfg, str_levels=levels, **options)
            head.init_weights()
            assert head.conv_cls.weight.std() > 0.2
            assert head.conv_reg.weight.std() > 0.3
    unknown = dict(KAIMING, override=dict(normal, name='conv_clss'))
    with pytest.raises(RuntimeError, match='conv_clss'):
        make(init_cfg=unknown).init_weights()
    with pytest.raises(ValueError, match="no role 'conv_cls'; it has cls, r"):
        make(predictor_init=dict(conv_cls=normal))


def test_wrong_number_of_maps():
    with pytest.raises(ValueError, match='3 maps.* or 6 .*put out 4'):
        make()(maps()[:4])


def test_map_that_is_needed_is_missing():
    x = list(maps())
    x[1] = None
    with pytest.raises(ValueError, match=r'maps \[1\]'):
        make()(x)
    x[1], x[4 - 2] = x[0], x[2]
    make(str_levels=())(x[:2] + [None] + x[3:])  # not needed: fine


@pytest.mark.parametrize('rfe, convs', [(dict(type='RFE'), 2), (None, 4)])
def test_rfe_takes_the_place_of_the_middle_two(rfe, convs):
    head = make(rfe=rfe)
    names = [type(m).__name__ for m in head.cls_convs]
    assert names.count('ConvModule') == convs
    if rfe:
        assert names == ['ConvModule', 'RFE', 'ConvModule']


def test_initialisation():
    head = make(in_channels=64, feat_channels=64)
    head.init_weights()
    assert torch.allclose(head.conv_cls.bias, torch.tensor(-4.59512))
    for name, p in head.named_parameters():
        if name.endswith('weight'):
            assert abs(p.std() - 0.01) < 0.003, name


@pytest.mark.parametrize('classes', [1, 19])
def test_initial_softmax(classes, tmp_path):
    """A foreground probability of 0.01, by every anchor of a cell."""
    cfg = dict(num_classes=classes, loss_cls=dict(type='CrossEntropyLoss'))
    head = make(**cfg)
    head.init_weights()
    bias = head.conv_cls.bias.reshape(2, classes + 1)
    found = head.probabilities(bias).sum(-1)
    torch.testing.assert_close(found, torch.tensor([0.01, 0.01]))

    # A head loaded from a checkpoint keeps what it has learnt.
    with torch.no_grad():
        head.conv_cls.bias.uniform_()
    file = str(tmp_path / 'head.pth')
    # Even if all are equal.
    for value in (None, -2.0):
        if value is not None:
            torch.nn.init.constant_(head.conv_cls.bias, value)
        torch.save(head.state_dict(), file)
        pretrained = dict(type='Pretrained', checkpoint=file)
        for init_cfg in (pretrained, [KAIMING, pretrained]):
            other = make(**cfg, init_cfg=init_cfg)
            other.init_weights()
            assert torch.equal(other.conv_cls.bias, head.conv_cls.bias)


# -- Loss ------------------------------------------------------------------


def flat(x, i, channels):
    return x[i].permute(1, 2, 0).reshape(-1, channels).detach().double()


def focal(z, positive):
    p = 1 / (1 + math.exp(-z))
    if positive:
        return -0.25 * (1 - p) ** 2 * math.log(p)
    return -0.75 * p**2 * math.log(1 - p)


def decode(anchor, d):
    w, h = anchor[2] - anchor[0], anchor[3] - anchor[1]
    cx = anchor[0] + w / 2 + d[0] * w
    cy = anchor[1] + h / 2 + d[1] * h
    w, h = w * math.exp(d[2]), h * math.exp(d[3])
    return np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])


def encode(a, g):
    aw, ah, gw, gh = a[2] - a[0], a[3] - a[1], g[2] - g[0], g[3] - g[1]
    return np.array(
        [
            ((g[0] + g[2]) - (a[0] + a[2])) / 2 / aw,
            ((g[1] + g[3]) - (a[1] + a[3])) / 2 / ah,
            math.log(gw / aw),
            math.log(gh / ah),
        ]
    )


def iou_table(priors, gts):
    lt = np.maximum(priors[:, None, :2], gts[None, :, :2])
    rb = np.minimum(priors[:, None, 2:], gts[None, :, 2:])
    inter = np.clip(rb - lt, 0, None).prod(-1)
    area_p = (priors[:, 2:] - priors[:, :2]).prod(-1)
    area_g = (gts[:, 2:] - gts[:, :2]).prod(-1)
    return inter / (area_p[:, None] + area_g - inter)


def label(priors, gts, pos, neg):
    """1 positive, 0 negative, -1 ignored; and the matched face."""
    table = iou_table(priors, gts)
    best, match = table.max(1), table.argmax(1)
    labels = np.where(best >= pos, 1, np.where(best < neg, 0, -1))
    for g in range(len(gts)):
        if table[:, g].max() >= 0.3:
            top = np.isclose(table[:, g], table[:, g].max(), rtol=1e-5)
            labels[top], match[top] = 1, g
    return labels, match


def smooth_l1(x, beta=0.11):
    x = abs(x)
    return np.where(x < beta, 0.5 * x * x / beta, x - 0.5 * beta).sum()


def by_hand(head, outputs, gts, margin=lambda face: 0, box_loss_ss=None):
    """The four sums of the specification's training step, prior by prior."""
    priors = [p.numpy() for p in head.prior_generator.grid_priors(
        SIZES, device='cpu')]  # fmt: skip
    level = np.concatenate([[i] * len(p) for i, p in enumerate(priors)])
    anchors = np.concatenate(priors).astype(float)
    sums, counts = np.zeros(4), np.zeros(4)  # cls1 reg1 cls2 reg2
    removed = 0
    for b, gt in enumerate(gts):
        cls1, reg1, cls2, reg2 = (
            np.concatenate(
                [
                    np.zeros((len(priors[i]), n))
                    if x is None
                    else flat(x, b, n).numpy()
                    for i, x in enumerate(out)
                ]
            )
            for out, n in zip(outputs, (1, 4, 1, 4))
        )
        boxes = gt.bboxes.numpy().astype(float)
        lab1, match1 = label(anchors, boxes, 0.7, 0.3)
        moved = anchors.copy()
        for i in np.flatnonzero(np.isin(level, head.str_levels)):
            moved[i] = decode(anchors[i], reg1[i])
        fixed = np.zeros(len(anchors), bool)
        if not head.refine_negatives:
            fixed = np.isin(level, head.str_levels) & (lab1 == 0)
        lab2, match2 = np.zeros_like(lab1), np.zeros_like(match1)
        lab2[~fixed], match2[~fixed] = label(moved[~fixed], boxes, 0.5, 0.4)
        for i in range(len(anchors)):
            stc, str_ = (
                level[i] in head.stc_levels,
                level[i] in head.str_levels,
            )
            if stc and lab1[i] >= 0:
                shift = margin(boxes[match1[i]]) if lab1[i] == 1 else 0
                sums[0] += focal(cls1[i, 0] - shift, lab1[i] == 1)
                counts[0] += lab1[i] == 1
            if str_ and lab1[i] == 1:
                target = encode(anchors[i], boxes[match1[i]])
                sums[1] += smooth_l1(reg1[i] - target)
                counts[1] += 1
            easy = stc and 1 / (1 + math.exp(-cls1[i, 0])) <= 0.01
            removed += easy and lab2[i] == 0
            if lab2[i] == 1 or (lab2[i] == 0 and not easy):
                shift = margin(boxes[match2[i]]) if lab2[i] == 1 else 0
                sums[2] += focal(cls2[i, 0] - shift, lab2[i] == 1)
            if lab2[i] == 1:
                counts[2:] += 1
                face = boxes[match2[i]]
                if box_loss_ss is None:
                    sums[3] += smooth_l1(reg2[i] - encode(moved[i], face))
                else:
                    sums[3] += box_loss_ss(decode(moved[i], reg2[i]), face)
    return sums / np.maximum(counts, 1), counts, removed / len(gts)


@pytest.mark.parametrize(
    'levels',
    [((0, 1), (2,)), ((2,), (0, 1)), ((0, 1, 2), (0, 1, 2)), ((), ())],
)
@pytest.mark.parametrize('refine_negatives', [True, False])
def test_losses_by_hand(levels, refine_negatives):
    head = make(
        stc_levels=levels[0],
        str_levels=levels[1],
        refine_negatives=refine_negatives,
    )
    outputs = random_outputs(head)
    gts, metas = ground_truth()
    losses = head.loss_by_feat(*outputs, gts, metas)
    expected, counts, removed = by_hand(head, outputs, gts)
    keys = ['loss_cls_fs', 'loss_bbox_fs', 'loss_cls_ss', 'loss_bbox_ss']
    for key, value, used in zip(keys, expected, (*map(len, levels), 1, 1)):
        assert (key in losses) == bool(used)
        if used:
            assert losses[key].item() == pytest.approx(value, rel=1e-3)
    assert counts[2] > 0
    if levels[0]:
        assert 0 < losses['stc_removed'].item() == pytest.approx(removed)


def test_scale_aware_margin_by_hand():
    """The head tells the size of the face of each positive in both steps."""
    cfg = dict(type='ScaleAwareMarginLoss', use_sigmoid=True)
    head = make(loss_cls=dict(cfg, margin=2.0, base_size=12, power=1))
    outputs = random_outputs(head)
    gts, metas = ground_truth()
    losses = head.loss_by_feat(*outputs, gts, metas)

    def margin(face):
        size = math.sqrt((face[2] - face[0]) * (face[3] - face[1]))
        return 2 * min(1, 12 / size)

    expected, *_ = by_hand(head, outputs, gts, margin)
    assert losses['loss_cls_fs'].item() == pytest.approx(expected[0], rel=1e-3)
    assert losses['loss_cls_ss'].item() == pytest.approx(expected[2], rel=1e-3)
    without, *_ = by_hand(head, outputs, gts)
    assert (expected > without + 0.01).tolist() == [True, False, True, False]


@pytest.mark.parametrize('reg_decoded_bbox', [False, True])
def test_iou_loss_in_the_second_step_alone(reg_decoded_bbox):
    head = make(
        loss_str=dict(type='STRLoss', loss_bbox_ss=dict(type='IoULoss')),
        reg_decoded_bbox=reg_decoded_bbox,
    )
    outputs = random_outputs(head)
    gts, metas = ground_truth()
    losses = head.loss_by_feat(*outputs, gts, metas)

    def box_loss(box, face):
        return -math.log(iou_table(box[None], face[None])[0, 0])

    expected, *_ = by_hand(head, outputs, gts, box_loss_ss=box_loss)
    found = losses['loss_bbox_ss'].item()
    assert found == pytest.approx(expected[3], rel=1e-3)
    # Of deltas, unless all losses are of boxes.
    other = make(reg_decoded_bbox=reg_decoded_bbox)
    other = other.loss_by_feat(*outputs, gts, metas)
    assert losses['loss_bbox_fs'] == other['loss_bbox_fs']
    assert losses['loss_bbox_ss'] != other['loss_bbox_ss']


def test_negatives_that_str_may_move():
    """Deltas take every anchor of the level of STR to the face."""
    head = make()
    (anchors,) = head.prior_generator.grid_priors(SIZES, device='cpu')[2:]
    face = torch.tensor([20.0, 10.0, 50.0, 50.0])
    deltas = head.bbox_coder.encode(anchors, face.expand_as(anchors))
    gts, metas = ground_truth(batch=1, num=1)
    gts[0].bboxes = face[None]
    labels = {}
    for head.refine_negatives in (True, False):
        targets = head.assign(SIZES, deltas[None], gts, metas)
        first, second = (
            x.labels[0, -len(anchors) :]
            for x in (targets.first, targets.second)
        )
        labels[head.refine_negatives] = second
    assert (labels[True] == 0).all()
    negative = first == 1
    assert negative.any() and not negative.all()
    assert (labels[False][negative] == 1).all()
    assert (labels[False][~negative] == 0).all()


def test_no_negative_is_moved_without_faces():
    every = (0, 1, 2)
    head = make(refine_negatives=False, stc_levels=every, str_levels=every)
    losses = head.loss_by_feat(*random_outputs(head), *ground_truth(num=0))
    assert losses['loss_cls_ss'] > 0 and losses['loss_bbox_ss'] == 0


def test_each_image_moves_its_own_anchors():
    """Image 2 must not start from the anchors moved for image 1."""
    head = make()
    outputs = random_outputs(head)
    gts, metas = ground_truth()
    meta = [dict(x, scale_factor=(1.0, 1.0)) for x in metas]
    both = head.predict_by_feat(*outputs, meta)
    second = [[x if x is None else x[1:] for x in out] for out in outputs]
    alone = head.predict_by_feat(*second, meta[1:])[0]
    torch.testing.assert_close(both[1].bboxes, alone.bboxes)


def test_gradients_stop():
    head = make()
    outputs = random_outputs(head)
    gts, metas = ground_truth()
    losses = head.loss_by_feat(*outputs, gts, metas)
    (losses['loss_cls_ss'] + losses['loss_bbox_ss']).backward()
    cls_fs, bbox_fs, cls_ss, bbox_ss = outputs
    assert all(x is None or x.grad is None for x in cls_fs + bbox_fs)
    assert all(x.grad is not None for x in cls_ss + bbox_ss)


@pytest.mark.parametrize(
    'stc, str_', [((0, 1), (2,)), ((0,), (1, 2)), ((), ()), ((0, 1, 2), ())]
)
def test_training_computes_what_losses_read(stc, str_):
    """No map of logits or deltas that no loss reads, no layer run twice."""
    head = make(stc_levels=stc, str_levels=str_)
    with FlopCounterMode(display=False) as counter:
        outputs = head(maps())
    cells = [2 * h * w for h, w in SIZES]
    # Two 3x3 convolutions and RFE: 1x1, strips of 2 channels, 1x1 in four
    # groups, 1x1.
    subnet = 2 * 8 * 8 * 9 + 8 * 8 + 2 * 2 * (5 + 5 + 3 + 3) + 8 * 2 + 8 * 8
    logits, deltas = subnet + 8 * 2, subnet + 8 * 8
    work = (logits + deltas) * sum(cells)
    work += logits * sum(cells[i] for i in stc)
    work += deltas * sum(cells[i] for i in str_)
    assert counter.get_total_flops() == 2 * work

    given = [x for step in outputs for x in step if x is not None]
    gts, metas = ground_truth()
    total = sum(
        x
        for key, x in head.loss_by_feat(*outputs, gts, metas).items()
        if key.startswith('loss')
    )
    torch.autograd.grad(total, given)  # raises where one is not used


def test_gradient_through_moved_anchors_by_option():
    head = make(detach_anchors=False)
    outputs = random_outputs(head)
    # A large face, so that the level of STR has positives.
    gts, metas = ground_truth()
    for gt in gts:
        gt.bboxes[0] = torch.tensor([20.0, 10.0, 50.0, 50.0])
    losses = head.loss_by_feat(*outputs, gts, metas)
    losses['loss_bbox_ss'].backward()
    assert outputs[1][2].grad.abs().sum() > 0


def test_empty_ground_truth():
    head = make()
    x = tuple(m.requires_grad_() for m in maps())
    gts, metas = ground_truth(num=0)
    losses = head.loss_by_feat(*head(x), gts, metas)
    assert losses['loss_cls_fs'] > 0 and losses['loss_cls_ss'] > 0
    assert losses['loss_bbox_fs'] == losses['loss_bbox_ss'] == 0
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    for name, p in head.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all(), name


def test_one_face():
    head = make()
    gts, metas = ground_truth(num=1)
    losses = head.loss_by_feat(*head(maps()), gts, metas)
    assert losses['loss_cls_ss'] > 0 and losses['loss_bbox_ss'] > 0


def test_mixed_precision():
    """bfloat16 maps, losses and targets in float32."""
    head, x = make(), maps()
    gts, metas = ground_truth()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        outs = head(x)
        losses = head.loss_by_feat(*outs, gts, metas)
    assert outs[2][0].dtype == torch.bfloat16
    exact = head.loss_by_feat(*head(x), gts, metas)
    for key in ('loss_cls_ss', 'loss_bbox_ss'):
        assert losses[key].dtype == torch.float32
        assert losses[key].item() == pytest.approx(exact[key].item(), rel=0.1)


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(stc_levels=(3,)), r'stc_levels=\(3,\).*0\.\.2'),
        (dict(str_levels=(-1,)), 'str_levels'),
        (dict(stc_levels=0), r'stc_levels=0 must be a tuple.* \(\) switches'),
        (dict(str_levels='(2,)'), r"str_levels='\(2,\)' must be a tuple"),
        (dict(stacked_convs=1), 'stacked_convs=1'),
        (
            dict(
                num_classes=2,
                bbox_coder=dict(type='SRNBBoxCoder', clip_border=False),
            ),
            'num_classes=2 set clip_border=True',
        ),
        (dict(train_cfg=dict(first_step=step(0.7, 0.3))), 'second_step'),
        (dict(train_cfg=dict(STEPS, third_step={})), "'third_step'"),
        (dict(train_cfg=dict(STEPS, pos_weight=3)), "'pos_weight'"),
        (dict(loss_stc=dict(type='STCLoss', theta=0.5)), "set 'theta' of"),
        (dict(loss_stc=dict(type='STCLoss', levels=())), "set 'stc_levels'"),
        (dict(loss_stc=dict(type='STCLoss', loss_cls={})), "set 'loss_cls'"),
        (dict(loss_str=dict(type='STRLoss', levels=(1,))), "set 'str_levels'"),
        (dict(loss_str=dict(type='STRLoss', loss_bbox={})), "set 'loss_bbox'"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(**kwargs)


def test_losses_are_those_of_mmdet():
    """For tools that look at a head; what selects is beside them."""
    head = make()
    assert type(head.loss_cls).__name__ == 'FocalLoss'
    assert head.loss_cls.use_sigmoid
    assert type(head.loss_bbox).__name__ == 'SmoothL1Loss'
    assert head.loss_stc.loss_cls is head.loss_cls
    assert head.loss_str.loss_bbox is head.loss_bbox
    gts, metas = ground_truth()
    outputs = random_outputs(head)
    before = head.loss_by_feat(*outputs, gts, metas)
    head.loss_cls.loss_weight = head.loss_bbox.loss_weight = 2.0
    head.gate.theta = 0.5  # the head owns it
    after = head.loss_by_feat(*outputs, gts, metas)
    for name in ('loss_cls_fs', 'loss_bbox_fs', 'loss_bbox_ss'):
        torch.testing.assert_close(after[name], 2 * before[name])
    assert after['stc_removed'] > before['stc_removed']


def test_targets_of_mmdet():
    with pytest.raises(NotImplementedError, match='SRNHead: .*assign'):
        make().get_targets([], [], [], [])


def test_training_without_train_cfg():
    head = make(train_cfg=None)
    gts, metas = ground_truth()
    with pytest.raises(ValueError, match="train_cfg .*'second_step'"):
        head.loss_by_feat(*random_outputs(head), gts, metas)


def test_predicting_without_test_cfg():
    head = make(test_cfg=None)
    _, metas = ground_truth()
    with pytest.raises(ValueError, match='test_cfg .*max_per_img'):
        head.predict_by_feat(*random_outputs(head), metas)


@pytest.mark.parametrize(
    'kwargs',
    [
        dict(num_classes=5),
        dict(
            num_classes=3,
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False),
        ),
        dict(loss_bbox=dict(type='GIoULoss'), reg_decoded_bbox=True),
        dict(norm_cfg=dict(type='GN', num_groups=2)),
        dict(
            anchor_generator=dict(
                type='AnchorGenerator',
                strides=STRIDES,
                ratios=[0.5, 1.0, 2.0],
                scales=[4.0],
            )
        ),
    ],
)
def test_variants(kwargs):
    head = make(**kwargs)
    gts, metas = ground_truth()
    outs = head(maps())
    losses = head.loss_by_feat(*outs, gts, metas)
    total = sum(v for k, v in losses.items() if 'loss' in k)
    total.backward()
    assert all(p.grad.isfinite().all() for p in head.parameters())
    meta = [dict(x, scale_factor=(1.0, 1.0)) for x in metas]
    with torch.no_grad():
        results = head.predict_by_feat(*outs, meta)
    assert all(len(r) <= 50 for r in results)


# -- Detections --------------------------------------------------------------


def published(head, outputs, b, thr, theta, small, nms_thr, per_level, top):
    """`rpn_proposal.py` of the specification, in numpy, one box at a time."""
    dets = []
    priors = head.prior_generator.grid_priors(SIZES, device='cpu')
    for i, size in enumerate(SIZES):
        anchors = priors[i].numpy().astype(float)
        s2 = flat(outputs[2][i], b, 1).sigmoid().numpy()[:, 0]
        d2 = flat(outputs[3][i], b, 4).numpy()
        level_thr = thr if size[0] * size[1] >= small else 0.0
        keep = s2 > level_thr
        if i in head.stc_levels:
            s1 = flat(outputs[0][i], b, 1).sigmoid().numpy()[:, 0]
            keep &= s1 > theta
        if i in head.str_levels:
            d1 = flat(outputs[1][i], b, 4).numpy()
            anchors = np.array([decode(a, d) for a, d in zip(anchors, d1)])
        order = np.flatnonzero(keep)
        order = order[np.argsort(-s2[order])][:per_level]
        dets += [[*decode(anchors[j], d2[j]), s2[j]] for j in order]
    dets = sorted(dets, key=lambda d: -d[4])
    kept = []
    while dets:
        best, *dets = dets
        kept.append(best)

        def overlap(d, b=best):
            w = min(d[2], b[2]) - max(d[0], b[0]) + 1
            h = min(d[3], b[3]) - max(d[1], b[1]) + 1
            inter = max(w, 0) * max(h, 0)
            area = [(x[2] - x[0] + 1) * (x[3] - x[1] + 1) for x in (d, b)]
            return inter / (sum(area) - inter)

        dets = [d for d in dets if overlap(d) <= nms_thr]
    return np.array(kept[:top])


@pytest.mark.parametrize('small', [0, 60])
@pytest.mark.parametrize('seed', range(3))
def test_detections_as_published(seed, small):
    head = make(bbox_coder=dict(type='SRNBBoxCoder', clip_border=False))
    head.test_cfg.small_map_cells = small
    head.test_cfg.score_thr = 0.12
    outputs = random_outputs(head, seed=seed)
    meta = [dict(img_shape=SIZE, scale_factor=(1.0, 1.0))] * 2
    results = head.predict_by_feat(*outputs, meta)
    for b in range(2):
        expected = published(head, outputs, b, 0.12, 0.01, small, 0.4, 100, 50)
        assert len(expected) > 10
        boxes = results[b].bboxes.detach().numpy()
        np.testing.assert_allclose(boxes, expected[:, :4], atol=1e-3)
        scores = results[b].scores.detach().numpy()
        np.testing.assert_allclose(scores, expected[:, 4], atol=1e-5)


@pytest.mark.parametrize('levels', [(), (0, 1)])
def test_softmax_scores_are_those_of_the_second_step(levels):
    """A class below the threshold leaves the others as they are."""
    head = make(
        num_classes=3,
        loss_cls=dict(type='CrossEntropyLoss'),
        stc_levels=levels,
        theta=0.8,
    )
    head.test_cfg.update(score_thr=0.25, nms_pre=10_000)
    gen = torch.Generator().manual_seed(4)
    outputs = [[None] * 3, [None] * 3, [], []]
    outputs[1][2] = torch.zeros(1, 8, *SIZES[2])
    for i, size in enumerate(SIZES):
        outputs[2].append(torch.randn(1, 8, *size, generator=gen))
        outputs[3].append(torch.zeros(1, 8, *size))
        if i in levels:
            outputs[0][i] = 2 * torch.randn(1, 8, *size, generator=gen)
    meta = [dict(img_shape=SIZE, scale_factor=(1.0, 1.0))]
    (found,) = head.predict_by_feat(*outputs, meta, with_nms=False)

    def softmax(row):
        powers = [math.exp(x) for x in row]
        return [x / sum(powers) for x in powers]

    expected, stopped = [], 0
    for i in range(len(SIZES)):
        rows = flat(outputs[2][i], 0, 4).tolist()
        for k, row in enumerate(rows):
            if i in levels:
                first = softmax(flat(outputs[0][i], 0, 4).tolist()[k])
                if first[3] > 0.8:
                    stopped += 1
                    continue
            expected += [
                (score, kind)
                for kind, score in enumerate(softmax(row)[:3])
                if score > 0.25
            ]
    assert len(expected) > 500 and bool(stopped) == bool(levels)
    ours = sorted(zip(found.scores.tolist(), found.labels.tolist()))
    assert [x[1] for x in ours] == [x[1] for x in sorted(expected)]
    np.testing.assert_allclose(
        [x[0] for x in ours], [x[0] for x in sorted(expected)], atol=1e-6
    )


def test_classes_do_not_mix_in_nms():
    """Boxes over the border of the image, as of faces that it cuts."""
    head = make(num_classes=2, stc_levels=(), str_levels=())
    outputs = [[None] * 3, [None] * 3, [], []]
    for i, size in enumerate(SIZES):
        logits = torch.full((1, 4, *size), -9.0)
        deltas = torch.zeros(1, 8, *size)
        if i == 2:  # two anchors at the left and at the right border
            logits[0, 0, 1, 0], logits[0, 1, 1, 5] = 2.0, 1.0
            deltas[0, 0, 1, 0], deltas[0, 0, 1, 5] = -0.4, 0.4
        outputs[2].append(logits)
        outputs[3].append(deltas)
    meta = [dict(img_shape=SIZE, scale_factor=(1.0, 1.0))]
    (found,) = head.predict_by_feat(*outputs, meta)
    assert found.labels.tolist() == [0, 1]
    assert found.bboxes.min() == 0
    assert (found.bboxes[:, 2:] <= torch.tensor(SIZE[::-1])).all()


def test_no_detection():
    head = make()
    outputs = random_outputs(head)
    head.test_cfg.score_thr = 0.999
    meta = [dict(img_shape=SIZE, scale_factor=(1.0, 1.0))] * 2
    results = head.predict_by_feat(*outputs, meta)
    assert [len(r) for r in results] == [0, 0]


def test_boxes_in_original_pixels():
    head = make()
    outputs = random_outputs(head)
    meta = dict(img_shape=SIZE, scale_factor=(2.0, 0.5))
    cfg = ConfigDict(
        dict(head.test_cfg, nms=dict(type='nms', iou_threshold=1))
    )
    plain, scaled = (
        head.predict_by_feat(*outputs, [meta] * 2, cfg=cfg, rescale=r)[0]
        for r in (False, True)
    )
    factor = torch.tensor([0.5, 2, 0.5, 2])
    torch.testing.assert_close(plain.bboxes * factor, scaled.bboxes)


def test_as_rpn():
    """`loss_and_predict`, which two-stage detectors call."""
    head = make()
    batch = random_batch(2, SIZE)
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(pad_shape=SIZE))
    cfg = ConfigDict(nms_pre=50, nms=dict(type='nms', iou_threshold=0.7),
                     max_per_img=20)  # fmt: skip
    losses, results = head.loss_and_predict(
        maps(), batch['data_samples'], proposal_cfg=cfg
    )
    assert losses['loss_cls_ss'] > 0
    assert all(0 < len(r) <= 20 for r in results)
