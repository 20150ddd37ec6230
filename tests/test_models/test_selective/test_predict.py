"""Selective inference finds what dense inference finds."""

import copy
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.registry import MODELS
from mmengine.config import ConfigDict

from mmsrn.models.selective import SelectiveExecution, SRNPyramid
from mmsrn.models.selective import predict as predict_module
from mmsrn.models.selective.predict import selective_forward, undecided
from mmsrn.models.selective.sparse import RowsOrMaps, bands, row_layers
from mmsrn.models.utils import winograd
from mmsrn.testing.detections import assert_same_boxes
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
    head.execution = SelectiveExecution(mode, 'dense', **cfg)
    height, width = (4 * x for x in maps[0].shape[-2:])
    samples = [
        SimpleNamespace(metainfo=dict(img_shape=(height, width)))
        for _ in range(len(maps[0]))
    ]
    with torch.no_grad():
        return head.predict(maps, samples)


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
    assert_same_boxes(predict(head, maps, mode), expected)


@pytest.fixture
def spread():
    """A head whose first step drops many cells, not all, and its maps."""
    head, maps = small_head(), random_maps((24, 20), 2)
    torch.nn.init.constant_(head.conv_cls.bias, -6.0)
    with torch.no_grad():
        cls_fs = head(maps)[0]
    alive = [head.passes_gate(x).float().mean() for x in cls_fs[:2]]
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
        boxes = [x for x in asked if x[0] is head.conv_reg][i]
        assert boxes[1].equal(faces.any(1))


def test_a_small_map_has_no_threshold(spread):
    head, maps = spread
    head.test_cfg.small_map_cells = 1000
    expected = predict(head, maps, 'dense')
    more = predict(head, maps, 'selective')
    assert_same_boxes(more, expected)
    head.test_cfg.small_map_cells = 0
    assert len(more[0]) > len(predict(head, maps, 'dense')[0])


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
    found = predict(head, maps, 'auto', crossover=dict(inference=crossover))
    assert_same_boxes(found, expected)
    # First step on two levels; second step on the third, or on all.
    assert whole == [True, True] + [False] * (3 if dense else 1)


def test_norms_over_a_map_need_maps():
    head = small_head(norm_cfg=dict(type='GN', num_groups=2))
    maps = random_maps((8, 8))
    expected = predict(head, maps, 'dense')
    assert_same_boxes(predict(head, maps, 'auto'), expected)
    with pytest.raises(ValueError, match="inference='selective'.*'auto'"):
        predict(head, maps, 'selective')


@pytest.mark.parametrize('coarse', [None, dict(band=1.0)], ids=str)
@pytest.mark.parametrize('mode', ['selective', 'auto'])
def test_large_maps_in_bands(spread, monkeypatch, mode, coarse):
    """Never more rows at a time than a band and what its layers look at."""
    head, maps = spread
    expected = predict(head, maps, 'dense')
    seen = []
    forward = type(head).forward_cls
    monkeypatch.setattr(
        type(head),
        'forward_cls',
        lambda *args: seen.append(args[1].shape[2]) or forward(*args),
    )
    monkeypatch.setattr(bands, 'BAND', 2 * 20 * 3)
    found = predict(
        head, maps, mode, coarse=coarse, crossover=dict(inference=0)
    )
    assert_same_boxes(found, expected)
    assert max(seen) == 3 + 2 * 4


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
    assert_same_boxes(
        predict(head, maps, 'selective'), predict(other, maps, 'dense')
    )


def test_a_wrong_set_is_noticed(spread, monkeypatch):
    head, maps = spread
    expected = predict(head, maps, 'dense')
    monkeypatch.setattr(row_layers, 'dilate', lambda mask, kernel: mask)
    with pytest.raises(AssertionError):
        assert_same_boxes(predict(head, maps, 'selective'), expected)


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
        detector.bbox_head.execution = SelectiveExecution(mode)
        detector.bbox_head.test_cfg.small_map_cells = 0
        with torch.no_grad():
            out = detector(**copy.deepcopy(data), mode='predict')
        found[mode] = [x.pred_instances for x in out]
    assert (len(found['dense'][0]) > 0) == (bias > -40)
    for mode in ('selective', 'auto'):
        assert_same_boxes(found[mode], found['dense'])


def test_the_neck_is_asked_for_rows(detector, monkeypatch):
    """No lateral, sum or P map of the levels of STC is built."""
    monkeypatch.setattr(SRNPyramid, 'whole_from', 1.0)
    torch.nn.init.constant_(detector.bbox_head.conv_cls.bias, -8.0)
    detector.bbox_head.execution = SelectiveExecution('selective')
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
@pytest.mark.parametrize('dtype', ['bfloat16', 'float32'])
@pytest.mark.parametrize('both', [True, False], ids=['two', 'one'])
def test_a_coarse_filter_is_exact(monkeypatch, mode, changes, dtype, both):
    """Also where both steps look at one set of maps, and so share scores."""
    monkeypatch.setattr(winograd, 'LEAST_CELLS', 1)
    monkeypatch.setattr(winograd, 'LEAST_CHANNELS', 1)
    head, maps = small_head(**changes), random_maps((24, 20), 2, both=both)
    bias = head.conv_cls.bias.data
    if head.use_sigmoid_cls:
        bias.fill_(-6.0)
    else:
        bias.view(-1, 3)[:, -1] = 6.0
    expected = predict(head, maps, 'dense')
    assert len(expected[0]) > 0
    coarse = dict(dtype=dtype, band=1.0)
    found = predict(head, maps, mode, coarse=coarse)
    assert_same_boxes(found, expected)


@pytest.mark.parametrize('error', [-0.9, torch.nan], ids=str)
def test_what_the_band_is_for(spread, monkeypatch, error):
    """A first step that errs by more than the band loses faces."""
    head, maps = spread
    expected = predict(head, maps, 'dense')
    forward = head.forward_cls

    def coarse(x, first=False):
        off = error if torch.is_autocast_enabled('cpu') else 0
        return forward(x, first) + off

    monkeypatch.setattr(head, 'forward_cls', coarse)
    if error < 0:
        less = predict(head, maps, 'selective', coarse=dict(band=0.0))
        assert sum(map(len, less)) < sum(map(len, expected))
    found = predict(head, maps, 'selective', coarse=dict(band=1.0))
    assert_same_boxes(found, expected)


@pytest.mark.parametrize(
    'type_, use_sigmoid',
    [('SRNHead', True), ('SRNHead', False), ('MaxOutSRNHead', True)],
)
def test_of_which_priors_a_coarse_first_step_tells_nothing(type_, use_sigmoid):
    """With a softmax, or max-out, two logits may err in opposite ways."""
    loss = dict(type='CrossEntropyLoss', use_sigmoid=use_sigmoid)
    head = small_head(type=type_, loss_cls=loss)
    one = use_sigmoid and type_ == 'SRNHead'
    threshold = torch.logit(torch.tensor(0.01))
    band = 0.25
    reach = band * (1 if one else 2)
    offsets = [-1.01, -0.99, 0.99, 1.01, torch.nan, torch.inf]
    wanted = [False, True, True, False, True, True]
    logits = torch.zeros(1, 2, head.cls_out_channels, 1, len(offsets))
    logits[:, 0, 0] = threshold + reach * torch.tensor(offsets)
    logits[:, 1, 0] = -9.0  # the other prior of the cells
    found = undecided(head, logits.flatten(1, 2), band)
    assert found.view(-1, 2)[:, 0].tolist() == wanted
    assert not found.view(-1, 2)[:, 1].any()


def test_small_maps_are_not_filtered_in_float32(spread, monkeypatch):
    """Winograd's convolutions would replace nothing."""
    head, maps = spread
    expected = predict(head, maps, 'dense')
    monkeypatch.setattr(predict_module, 'undecided', None)
    coarse = dict(dtype='float32')
    found = predict(head, maps, 'selective', coarse=coarse)
    assert_same_boxes(found, expected)


def test_only_what_is_unsure_is_computed_again(spread, monkeypatch):
    """Not all that survives: of most of it there is no doubt."""
    head, maps = spread
    with torch.no_grad():
        alive = [head.passes_gate(x).sum() for x in head(maps)[0][:2]]
    asked = []
    plan = row_layers.RowPlan.__init__

    def note(self, layers, wanted):
        asked.append(wanted.sum())
        plan(self, layers, wanted)

    monkeypatch.setattr(row_layers.RowPlan, '__init__', note)
    predict(head, maps, 'selective', coarse=dict(band=0.3))
    for again, all_ in zip(asked, alive):
        assert 0 < again < 0.5 * all_


@pytest.mark.parametrize(
    'cfg, message',
    [
        (dict(bnad=1), 'bnad.*'),
        (dict(dtype='bf16'), "dtype='bf16'.*'bfloat16', 'float16'"),
        (dict(band=-1), 'band=-1 is less than 0'),
    ],
)
def test_wrong_settings(cfg, message):
    with pytest.raises(ValueError, match=f"Execution's coarse.*{message}"):
        SelectiveExecution(coarse=cfg)


def test_coarse_first_step_with_norms_over_a_map():
    head = small_head(norm_cfg=dict(type='GN', num_groups=2))
    maps = random_maps((8, 8))
    expected = predict(head, maps, 'dense')
    found = predict(head, maps, 'auto', coarse=dict())
    assert_same_boxes(found, expected)


# --- what the neck puts out --------------------------------------------------


@pytest.mark.parametrize('mode', ['dense', 'selective', 'auto'])
def test_maps_that_are_not_there(mode):
    head, maps = small_head(), random_maps((8, 8))
    with pytest.raises(ValueError, match='it put out 5'):
        predict(head, maps[:5], mode)
    with pytest.raises(ValueError, match=r'first-step maps \[1\]'):
        predict(head, (maps[0], None, *maps[2:]), mode)


def small_neck(**changes):
    torch.manual_seed(0)
    cfg = dict(
        type='SRNFPN',
        in_channels=[4, 6],
        out_channels=8,
        num_outs=3,
        init_cfg=dict(type='Kaiming', layer='Conv2d'),
    )
    cfg.update(changes)
    neck = MODELS.build(cfg)
    neck.init_weights()
    return neck.eval()


@pytest.mark.parametrize('size', [(24, 20), (9, 13)])
@pytest.mark.parametrize('share', [0.0, 1.0])
@pytest.mark.parametrize(
    'changes',
    [
        dict(first_step_levels=()),
        dict(extra_convs_on='output'),
        dict(upsample_mode='nearest'),
        dict(align_corners=False),
        dict(norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU')),
        dict(norm_cfg=dict(type='GN', num_groups=2)),
    ],
    ids=str,
)
def test_rows_of_the_neck(monkeypatch, changes, share, size):
    """On all levels, also those above the maps of the backbone."""
    monkeypatch.setattr(SRNPyramid, 'whole_from', share)
    neck = small_neck(**changes)
    head = small_head((0, 1, 2), (0, 2))
    torch.nn.init.constant_(head.conv_cls.bias, -5.0)
    feats = [
        torch.randn(2, 4, *size),
        torch.randn(2, 6, *((x + 1) // 2 for x in size)),
    ]
    with torch.no_grad():
        expected = predict(head, neck(feats), 'dense')
        pyramid = SRNPyramid(neck, feats)
    assert pyramid.sizes == [tuple(x.shape[-2:]) for x in neck(feats)[-3:]]
    head.execution = SelectiveExecution('selective')
    samples = [
        SimpleNamespace(metainfo=dict(img_shape=[4 * x for x in size]))
        for _ in range(2)
    ]
    assert len(expected[0]) > 0
    assert_same_boxes(head.predict(pyramid, samples), expected)


def test_necks_of_others_build_their_maps(detector):
    """A subclass may do something else."""

    class Other(type(detector.neck)):
        def forward(self, feats):
            return tuple(2 * x for x in super().forward(feats))

    model = copy.deepcopy(detector)
    model.neck.__class__ = Other
    torch.nn.init.constant_(model.bbox_head.conv_cls.bias, -5.0)
    data = model.data_preprocessor(random_batch(1, size=(96, 128)))
    found = {}
    for mode in ('dense', 'selective'):
        model.bbox_head.execution = SelectiveExecution(mode)
        with torch.no_grad():
            out = model(**copy.deepcopy(data), mode='predict')
        found[mode] = [x.pred_instances for x in out]
    assert len(found['dense'][0]) > 0
    assert_same_boxes(found['selective'], found['dense'])


# --- on a GPU, and in low precision ------------------------------------------


def on(device, head, maps):
    return head.to(device), tuple(x.to(device) for x in maps)


@pytest.mark.parametrize('mode', ['selective', 'auto'])
@pytest.mark.parametrize(
    'changes',
    [
        {},
        dict(separate_steps=True, refine_predictor=True),
        dict(norm_cfg=dict(type='BN'), num_classes=3),
        dict(loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False)),
        dict(type='MaxOutSRNHead'),
    ],
    ids=['plain', 'separate', 'norms', 'softmax', 'max-out'],
)
@pytest.mark.parametrize('size', [(24, 20), (13, 7)])
def test_finds_the_same_on(device, mode, changes, size):
    head, maps = on(device, small_head(**changes), random_maps(size, 3))
    torch.nn.init.constant_(head.conv_cls.bias, -3.0)
    expected = predict(head, maps, 'dense')
    found = predict(head, maps, mode)
    assert found[0].bboxes.device.type == device
    assert min(map(len, expected)) > 0
    assert_same_boxes(found, expected)


@pytest.mark.parametrize('fill', [-30.0, 30.0], ids=['none', 'all'])
def test_no_cell_and_every_cell_on(device, fill):
    head, maps = on(device, small_head(), random_maps((12, 10), 2))
    torch.nn.init.constant_(head.conv_cls.bias, fill)
    expected = predict(head, maps, 'dense')
    assert (len(expected[0]) > 0) == (fill > 0)
    assert_same_boxes(predict(head, maps, 'selective'), expected)


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_a_coarse_filter_is_exact_on(device, dtype):
    head, maps = on(device, small_head(), random_maps((24, 20), 2))
    torch.nn.init.constant_(head.conv_cls.bias, -6.0)
    expected = predict(head, maps, 'dense')
    assert len(expected[0]) > 0
    coarse = dict(dtype=dtype, band=1.0)
    found = predict(head, maps, 'selective', coarse=coarse)
    assert_same_boxes(found, expected)


@pytest.mark.parametrize('share', [0.0, 1.0])
@pytest.mark.parametrize(
    'changes', [{}, dict(upsample_mode='nearest'), dict(align_corners=False)]
)
def test_rows_of_the_neck_on(device, monkeypatch, changes, share):
    monkeypatch.setattr(SRNPyramid, 'whole_from', share)
    neck, head = small_neck(**changes).to(device), small_head().to(device)
    torch.nn.init.constant_(head.conv_cls.bias, -5.0)
    feats = [torch.randn(1, 4, 24, 21), torch.randn(1, 6, 12, 11)]
    feats = [x.to(device) for x in feats]
    with torch.no_grad():
        expected = predict(head, neck(feats), 'dense')
        pyramid = SRNPyramid(neck, feats)
    head.execution = SelectiveExecution('selective')
    sample = SimpleNamespace(metainfo=dict(img_shape=(96, 84)))
    assert len(expected[0]) > 0
    assert_same_boxes(head.predict(pyramid, [sample]), expected)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(
    'changes', [{}, dict(norm_cfg=dict(type='BN')), dict(stacked_convs=2)]
)
def test_autocast(device, dtype, changes):
    """Where the first step lets something pass, the logits are about those.

    Of boxes near a threshold one way may find some that the other does not.
    """
    head, neck = small_head(**changes).to(device), small_neck().to(device)
    torch.nn.init.constant_(head.conv_cls.bias, -5.0)
    feats = [torch.randn(2, 4, 24, 20), torch.randn(2, 6, 12, 10)]
    feats = [x.to(device) for x in feats]
    head.execution = SelectiveExecution('selective')
    with torch.no_grad(), torch.autocast(device, dtype):
        dense = head(neck(feats))
        sparse = selective_forward(
            head, SRNPyramid(neck, feats), RowsOrMaps('selective', 1.0, '{}')
        )
    with torch.no_grad():
        exact = head(neck(feats))
    for i in head.stc_levels:
        # Both compute it on the same maps.
        assert sparse[0][i].equal(dense[0][i])
    found = [0, 0]
    for i, (x, y) in enumerate(zip(dense[2], sparse[2])):
        cells = torch.ones_like(x[:, 0], dtype=torch.bool)
        if i in head.stc_levels:
            cells = head.passes_gate(dense[0][i]).any(-1)
        boxes = head.detectable(dense[0][i], y, head.test_cfg).any(-1)
        boxes = boxes.view(*cells.shape, -1).any(-1)
        for step, (one, other, truth, where) in enumerate(
            [
                (x, y, exact[2][i], cells),
                (dense[3][i], sparse[3][i], exact[3][i], boxes),
            ]
        ):
            found[step] += int(where.sum())
            one, other, truth = (
                z.float().permute(0, 2, 3, 1)[where]
                for z in (one, other, truth)
            )
            # No further from the truth than whole maps are.
            assert (one - other).abs().sum() <= 2 * (one - truth).abs().sum()
    assert min(found) > 100
