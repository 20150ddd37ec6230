"""Selective inference finds what dense inference finds."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.registry import MODELS
from mmengine.config import ConfigDict

from mmsrn.models.sparse import row_layers
from mmsrn.testing.models import load_model_cfg, random_batch

CONFIG = 'configs/_base_/models/srn_mobilenetv2_fpn.py'


def small_head(stc=(0, 1), str_=(2,), **changes):
    """Head of three levels, 8 channels, whose scores are spread."""
    torch.manual_seed(changes.pop('seed', 0))
    cfg = dict(
        type='SRNHead',
        num_classes=1,
        in_channels=8,
        feat_channels=8,
        rfe=dict(type='RFE'),
        stc_levels=stc,
        str_levels=str_,
        anchor_generator=dict(
            type='SRNAnchorGenerator',
            strides=[4, 8, 16],
            ratios=[1.25],
            scales=[2, 2.828427],
        ),
        test_cfg=dict(
            nms_pre=1000,
            score_thr=0.05,
            nms=dict(type='nms', iou_threshold=0.5),
            max_per_img=1000,
        ),
    )
    cfg.update(changes)
    head = MODELS.build(ConfigDict(cfg)).eval()
    spread_outputs(head)
    return head


def spread_outputs(model):
    """Weights with which scores differ much, and boxes stay in the image."""
    for name, conv in model.named_modules():
        if isinstance(conv, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(conv.weight)
            if 'conv_re' in name:  # conv_reg, conv_refine
                conv.weight.data.mul_(0.1)


def random_maps(size, batch=1, seed=0, both=True):
    generator = torch.Generator().manual_seed(seed)
    sizes = [size]
    for _ in range(2):
        sizes.append(tuple((x + 1) // 2 for x in sizes[-1]))
    return tuple(
        torch.randn(batch, 8, *x, generator=generator)
        for x in sizes * (1 + both)
    )


def predict(head, maps, mode, **cfg):
    head.test_cfg = ConfigDict(head.test_cfg, inference=mode, **cfg)
    height, width = (4 * x for x in maps[0].shape[-2:])
    samples = [
        type('Sample', (), dict(metainfo=dict(img_shape=(height, width))))()
        for _ in range(len(maps[0]))
    ]
    with torch.no_grad():
        return head.predict(maps, samples)


def assert_same(found, expected, box=1e-2, score=1e-5):
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert len(one) == len(other)
        # Sets: scores that are nearly equal may change places.
        near = (one.bboxes[:, None] - other.bboxes).abs().amax(-1) < box
        near &= (one.scores[:, None] - other.scores).abs() < score
        near &= one.labels[:, None] == other.labels
        assert near.any(0).all() and near.any(1).all()


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 999),
    size=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    batch=st.integers(1, 3),
    bias=st.sampled_from([-20.0, -6.0, -3.0, 3.0]),
    levels=st.sampled_from(
        [((0, 1), (2,)), ((), ()), ((0, 1, 2), (0, 1, 2)), ((2,), (0,))]
    ),
    mode=st.sampled_from(['selective', 'auto']),
    both=st.booleans(),
    changes=st.sampled_from(
        [
            {},
            dict(separate_steps=True),
            dict(refine_predictor=True),
            dict(rfe=None, stacked_convs=2),
            dict(norm_cfg=dict(type='BN')),
            dict(num_classes=3),
            dict(type='MaxOutSRNHead', num_classes=2),
            dict(
                num_classes=2,
                loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False),
            ),
        ]
    ),
)
def test_finds_the_same(seed, size, batch, bias, levels, mode, both, changes):
    head = small_head(*levels, seed=seed, **changes)
    torch.nn.init.constant_(head.conv_cls.bias, bias)
    maps = random_maps(size, batch, seed, both)
    expected = predict(head, maps, 'dense')
    assert_same(predict(head, maps, mode), expected)


@pytest.fixture
def spread():
    """A head whose first step drops many cells, not all, and its maps."""
    head, maps = small_head(), random_maps((24, 20), 2)
    torch.nn.init.constant_(head.conv_cls.bias, -6.0)
    with torch.no_grad():
        cls_fs = head(maps)[0]
    alive = [head.survivors(x).float().mean() for x in cls_fs[:2]]
    assert all(0.1 < x < 0.9 for x in alive)
    return head, maps


def test_number_of_computed_cells(spread, monkeypatch):
    """Class logits where a prior survives, boxes where one is found."""
    head, maps = spread
    asked = []
    plan = row_layers.RowPlan.__init__

    def note(self, layers, wanted):
        asked.append((layers[-1], wanted))
        plan(self, layers, wanted)

    monkeypatch.setattr(row_layers.RowPlan, '__init__', note)
    with torch.no_grad():
        cls_fs, _, cls_ss, _ = head(maps)
    predict(head, maps, 'selective')
    for i in (0, 1):
        cells = torch.zeros(maps[i].shape[0], *maps[i].shape[2:]).bool()
        logits = cls_fs[i].sigmoid()
        for image, y, x in (logits > 0.01).any(1).nonzero().tolist():
            cells[image, y, x] = True
        assert asked[i][0] is head.conv_cls
        assert asked[i][1].equal(cells)
        faces = (logits > 0.01) & (cls_ss[i].sigmoid() > 0.05)
        boxes = [x for x in asked if x[0] is head.conv_reg][i + 1]
        assert boxes[1].equal(faces.any(1))


def test_a_small_map_has_no_threshold(spread):
    head, maps = spread
    expected = predict(head, maps, 'dense', small_map_cells=1000)
    more = predict(head, maps, 'selective', small_map_cells=1000)
    assert_same(more, expected)
    assert len(more[0]) > len(
        predict(head, maps, 'dense', small_map_cells=0)[0]
    )


@pytest.mark.parametrize('crossover, dense', [(0.0, True), (1.0, False)])
def test_auto_takes_the_crossover(spread, monkeypatch, crossover, dense):
    head, maps = spread
    expected = predict(head, maps, 'dense')
    whole = []
    forward = head.forward_cls
    monkeypatch.setattr(
        head,
        'forward_cls',
        lambda x, first=False: whole.append(first) or forward(x, first),
    )
    found = predict(head, maps, 'auto', crossover=crossover)
    assert_same(found, expected)
    # First step on two levels; second step on the third, or on all.
    assert whole == [True, True] + [False] * (3 if dense else 1)


def test_norms_over_a_map_need_maps():
    head = small_head(norm_cfg=dict(type='GN', num_groups=2))
    maps = random_maps((8, 8))
    expected = predict(head, maps, 'dense')
    assert_same(predict(head, maps, 'auto'), expected)
    with pytest.raises(ValueError, match="inference='selective'.*'auto'"):
        predict(head, maps, 'selective')


def test_unknown_inference():
    head = small_head()
    with pytest.raises(ValueError, match="'fast'.*'selective', 'auto'"):
        predict(head, random_maps((8, 8)), 'fast')


def test_weights_are_those_of_the_modules(spread):
    """Nothing is kept from one call to the next."""
    head, maps = spread
    predict(head, maps, 'selective')
    other = copy.deepcopy(head)
    for value in other.parameters():
        value.data.mul_(1.1)
    head.load_state_dict(other.state_dict())
    assert_same(
        predict(head, maps, 'selective'), predict(other, maps, 'dense')
    )


def test_a_wrong_set_is_noticed(spread, monkeypatch):
    head, maps = spread
    expected = predict(head, maps, 'dense')
    monkeypatch.setattr(row_layers, 'dilate', lambda mask, kernel: mask)
    with pytest.raises(AssertionError):
        assert_same(predict(head, maps, 'selective'), expected)


# --- with SRNFPN -------------------------------------------------------------


@pytest.fixture(scope='module')
def detector(root):
    torch.manual_seed(0)
    model = MODELS.build(load_model_cfg(root / CONFIG)).eval()
    spread_outputs(model.bbox_head)
    spread_outputs(model.neck)
    data = model.data_preprocessor(random_batch(1, size=(128, 128)))
    torch.nn.init.zeros_(model.bbox_head.conv_cls.bias)
    with torch.no_grad():
        logits = model(data['inputs'], mode='tensor')[2][0]
    # Neither ties at 1 nor ties at the threshold, which would change places.
    model.bbox_head.conv_cls.weight.data.mul_(2 / logits.std())
    return model


@pytest.mark.parametrize('size', [(101, 173), (32, 32), (160, 77)])
@pytest.mark.parametrize('bias', [-40.0, -5.0, -2.0])
def test_detector(detector, size, bias):
    torch.nn.init.constant_(detector.bbox_head.conv_cls.bias, bias)
    data = detector.data_preprocessor(random_batch(3, size=size))
    found = {}
    for mode in ('dense', 'selective', 'auto'):
        detector.bbox_head.test_cfg.update(inference=mode, small_map_cells=0)
        with torch.no_grad():
            out = detector(**copy.deepcopy(data), mode='predict')
        found[mode] = [x.pred_instances for x in out]
    assert (len(found['dense'][0]) > 0) == (bias > -40)
    for mode in ('selective', 'auto'):
        assert_same(found[mode], found['dense'])


def test_the_neck_is_asked_for_rows(detector, monkeypatch):
    """No lateral, sum or P map of the levels of STC is built."""
    torch.nn.init.constant_(detector.bbox_head.conv_cls.bias, -8.0)
    detector.bbox_head.test_cfg['inference'] = 'selective'
    built = []
    for part in ('lateral_convs', 'fpn_convs'):
        for i, conv in enumerate(getattr(detector.neck, part)):
            monkeypatch.setattr(
                conv,
                'forward',
                lambda x, i=i, part=part, conv=conv: (
                    built.append((part, i)) or type(conv).forward(conv, x)
                ),
            )
    data = detector.data_preprocessor(random_batch(1, size=(96, 128)))
    with torch.no_grad():
        detector(**data, mode='predict')
    assert sorted(built) == [
        *(('fpn_convs', i) for i in (3, 4, 5)),
        ('lateral_convs', 3),
    ]


# --- a coarse first step -----------------------------------------------------


@pytest.mark.parametrize(
    'changes',
    [
        {},
        dict(separate_steps=True),
        dict(
            num_classes=2,
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False),
        ),
    ],
    ids=['shared', 'separate', 'softmax'],
)
@pytest.mark.parametrize('mode', ['selective', 'auto'])
def test_a_coarse_filter_is_exact(mode, changes):
    head, maps = small_head(**changes), random_maps((24, 20), 2)
    bias = head.conv_cls.bias.data
    if head.use_sigmoid_cls:
        bias.fill_(-6.0)
    else:
        bias.view(-1, 3)[:, -1] = 6.0
    expected = predict(head, maps, 'dense')
    assert len(expected[0]) > 0
    found = predict(head, maps, mode, filter=dict(band=1.0))
    assert_same(found, expected)


def test_a_filter_without_a_band_is_not_exact(spread):
    """The first step really is coarse, and the band makes up for it."""
    head, maps = spread
    for conv in head.cls_convs.modules():  # scores vary much: large errors
        if isinstance(conv, torch.nn.Conv2d):
            conv.weight.data.mul_(1.5)
    expected = predict(head, maps, 'dense')
    with pytest.raises(AssertionError):
        found = predict(head, maps, 'selective', filter=dict(band=-1.0))
        assert_same(found, expected)
    found = predict(head, maps, 'selective', filter=dict(band=3.0))
    assert_same(found, expected)
