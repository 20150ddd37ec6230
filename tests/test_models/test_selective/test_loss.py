"""Selective training has the losses and gradients of dense training."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict

from mmsrn.models.necks import SRNFPN
from mmsrn.models.selective import SelectiveExecution, SRNPyramid, loss
from mmsrn.models.selective.sparse import row_layers
from mmsrn.models.utils import flatten_levels
from mmsrn.testing.models import load_model_cfg, random_batch, random_faces

CONFIG = 'configs/_base_/models/srn_mobilenetv2_fpn.py'
TRAINED = 'srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
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


def execution(mode, **crossover):
    """A way to train."""
    return SelectiveExecution('dense', mode, crossover)


def train(head, maps, samples, mode, **cfg):
    """Losses and log, and gradients by name; maps may be None."""
    head = copy.deepcopy(head)
    head.execution = execution(mode, **cfg)
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
    alive = [head.passes_gate(x).float().mean() for x in cls_fs[:2]]
    assert all(0.1 < x < 0.9 for x in alive)
    samples = ground_truth(size, (5, 3))
    return head, maps, samples


def test_small(spread):
    expected = train(*spread, 'dense')
    for mode in ('selective', 'auto'):
        assert_same(train(*spread, mode), expected, rtol=1e-4)


@pytest.mark.parametrize('changes', CHANGES)
@pytest.mark.parametrize('mode', ['selective', 'auto'])
def test_in_float32_on(device, mode, changes):
    changes = CHANGES[changes]
    size, faces = (24, 20), (6, 0, 3)
    head = small_head(**changes).to(device)
    maps = [x.to(device) for x in random_maps(size, len(faces))]
    samples = ground_truth(size, faces, head.num_classes)
    samples = [x.to(device) for x in samples]
    found = train(head, maps, samples, mode)
    assert_same(found, train(head, maps, samples, 'dense'), rtol=1e-4)


def test_under_autocast_on(device):
    """As far from float32 as dense training is."""
    size, faces = (24, 20), (6, 3)
    head = small_head().to(device)
    maps = [x.to(device) for x in random_maps(size, len(faces))]
    samples = [x.to(device) for x in ground_truth(size, faces)]
    dtype = torch.float16 if device == 'cuda' else torch.bfloat16
    losses, grads = train(head, maps, samples, 'dense')
    errors = {}
    for mode in ('dense', 'selective'):
        with torch.autocast(device, dtype):
            log, other = train(head, maps, samples, mode)
        assert all(x.dtype == torch.float32 for x in other.values())
        errors[mode] = sum(
            (x - grads[k]).norm() / grads[k].norm() for k, x in other.items()
        )
        for name in losses:
            if 'loss' in name:
                torch.testing.assert_close(
                    log[name], losses[name], rtol=0.05, atol=0.01
                )
    assert 0 < errors['selective'] < 1.5 * errors['dense']


def test_the_log_of_the_selection(spread):
    """Numbers of what STC removes, the same with and without rows."""
    log, _ = train(*spread, 'selective')
    expected, _ = train(*spread, 'dense')
    assert 0.1 < log['stc_removed_ratio'] < 0.9
    for name in expected.keys() - {x for x in expected if 'loss' in x}:
        assert log[name] == expected[name]


# --- what is computed --------------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """Last layers and cells of all plans, in order."""
    found = []
    plan = row_layers.RowPlan.__init__

    def note(self, layers, wanted):
        found.append((layers[-1], wanted))
        plan(self, layers, wanted)

    monkeypatch.setattr(row_layers.RowPlan, '__init__', note)
    return found


@pytest.mark.parametrize('kind', ['plain', 'quality'])
def test_number_of_computed_cells(asked, kind):
    """Class logits of samples that remain, boxes of positives."""
    head, maps = small_head(**CHANGES[kind]), random_maps((24, 20), 2)
    samples = ground_truth((24, 20), (5, 3))
    with torch.no_grad():
        cls_fs, bbox_fs, cls_ss, _ = head(tuple(maps))
        targets = head.assign(
            [x.shape[2:] for x in cls_ss],
            flatten_levels(bbox_fs, 4),
            [x.gt_instances for x in samples],
            [x.metainfo for x in samples],
            [x.ignored_instances for x in samples],
        )
    alive = [head.passes_gate(x).flatten(1) for x in cls_fs[:2]]
    labels_fs = targets.first.labels.split(targets.level_sizes, dim=1)
    labels_ss = targets.second.labels.split(targets.level_sizes, dim=1)
    train(head, maps, samples, 'selective')
    assert [x[0] for x in asked].count(asked[0][0]) == 3
    for i, (classes, boxes) in enumerate(zip(asked[:3], asked[3:])):
        found = [torch.zeros_like(x[1]) for x in (classes, boxes)]
        for image, prior in (labels_ss[i] >= 0).nonzero().tolist():
            positive = labels_ss[i][image, prior] == 0
            row, column = divmod(prior // 2, maps[3 + i].shape[3])
            if i == 2 or positive or alive[i][image, prior]:
                found[0][image, row, column] = True
            if positive:
                found[1][image, row, column] = True
        # Its overlap is the target of the first step's score.
        if kind == 'quality' and i < 2:
            for image, prior in (labels_fs[i] == 0).nonzero().tolist():
                row, column = divmod(prior // 2, maps[3 + i].shape[3])
                found[1][image, row, column] = True
        assert classes[1].equal(found[0]) and boxes[1].equal(found[1])
        assert 0 < found[1].sum() < found[0].sum()


@pytest.mark.parametrize('crossover, dense', [(0.0, True), (1.0, False)])
def test_auto_takes_the_crossover(spread, monkeypatch, crossover, dense):
    head, maps, samples = spread
    expected = train(*spread, 'dense')
    whole = []
    monkeypatch.setattr(
        row_layers.RowPlan,
        '__call__',
        lambda self, rows, run=row_layers.RowPlan.__call__: (
            whole.append(self) or run(self, rows)
        ),
    )
    assert_same(train(*spread, 'auto', training=crossover), expected, 1e-4)
    assert len(whole) == (0 if dense else 6)


def test_maps_of_both_steps_are_computed_once(spread, asked):
    """With shared maps and predictors there is nothing left to select."""
    head, maps, samples = spread
    train(head, maps[3:], samples, 'selective')
    assert len(asked) == 3 + 3 - 3  # STC and STR have them already


# --- what a training needs ---------------------------------------------------


@pytest.mark.parametrize('changes', ['plain', 'separate', 'refine'])
def test_every_weight_gets_a_gradient(changes):
    """Where nothing is read at all, or other processes would wait."""
    head = small_head(bias=-30.0, **CHANGES[changes])
    maps, samples = random_maps((12, 9), 2), ground_truth((12, 9), (0, 0))
    log, grads = train(head, maps, samples, 'selective')
    assert log['neg_ss'] > 0 and log['pos_ss'] == log['loss_bbox_ss'] == 0
    for name, grad in grads.items():
        assert grad is not None, name
    assert not grads['reg_convs.0.conv.weight'].any() or changes == 'plain'


def test_nothing_changes_by_default(spread, monkeypatch):
    """Whole maps, by the code of mmdet's heads."""
    head, maps, samples = spread
    monkeypatch.setattr(row_layers.RowPlan, '__init__', None)
    assert head.execution is None
    log = head.loss(tuple(maps), samples)
    expected = head.loss_by_feat(
        *head(tuple(maps)),
        [x.gt_instances for x in samples],
        [x.metainfo for x in samples],
        [x.ignored_instances for x in samples],
    )
    assert log == expected


@pytest.mark.parametrize(
    'norm', [dict(type='GN', num_groups=2), dict(type='BN')], ids=str
)
def test_norms_over_a_map_need_maps(norm, asked):
    """And their statistics are gathered in the same order."""
    head, maps = small_head(norm_cfg=norm), random_maps((12, 9), 2)
    head.train()
    samples = ground_truth((12, 9), (3, 2))
    expected = train(head, maps, samples, 'dense')
    assert_same(train(head, maps, samples, 'auto'), expected, rtol=0)
    assert not asked
    with pytest.raises(ValueError, match="training='selective'.*'auto'"):
        train(head, maps, samples, 'selective')


def test_wrong_settings():
    with pytest.raises(ValueError, match="'fast' must .*'selective', 'auto'"):
        small_head(execution=dict(training='fast'))
    with pytest.raises(ValueError, match="no use for 'foward'"):
        small_head(
            train_cfg=dict(first_step=STEP, second_step=STEP, foward='auto')
        )


def test_maps_that_are_not_there(spread):
    head, maps, samples = spread
    with pytest.raises(ValueError, match='it put out 5'):
        train(head, maps[:5], samples, 'selective')
    with pytest.raises(ValueError, match=r'first-step maps \[1\]'):
        train(head, [maps[0], None, *maps[2:]], samples, 'selective')


def test_proposals_need_whole_maps(spread):
    """`loss_and_predict`, which two-stage detectors call."""
    head, maps, samples = spread
    for sample in samples:
        sample.set_metainfo(dict(scale_factor=(1.0, 1.0)))
    cfg = ConfigDict(
        nms_pre=100,
        score_thr=0.0,
        nms=dict(type='nms', iou_threshold=0.7),
        max_per_img=50,
    )
    found = []
    for mode in ('dense', 'selective'):
        head.execution = execution(mode)
        found.append(head.loss_and_predict(tuple(maps), samples, cfg))
    (log, boxes), (other_log, other_boxes) = found
    assert log == other_log
    for one, other in zip(boxes, other_boxes):
        assert len(one) and one.bboxes.equal(other.bboxes)


# --- tests that can fail -----------------------------------------------------


def test_a_set_that_is_too_small_is_noticed(spread, monkeypatch):
    expected = train(*spread, 'dense')
    monkeypatch.setattr(row_layers, 'dilate', lambda mask, kernel: mask)
    with pytest.raises(AssertionError, match='loss_cls_ss'):
        assert_same(train(*spread, 'selective'), expected, rtol=1e-3)


@pytest.mark.parametrize(
    'which, message', [(0, 'loss_cls_ss'), (1, 'loss_bbox_ss')]
)
def test_an_output_that_is_not_computed_is_noticed(
    spread, monkeypatch, which, message
):
    expected = train(*spread, 'dense')
    read_by_losses = loss.read_by_losses

    def less(*args):
        read = read_by_losses(*args)
        image, prior = (x[0] for x in read[which].nonzero(as_tuple=True))
        cell = prior // 2 * 2
        read[which][image, cell : cell + 2] = False
        return read

    monkeypatch.setattr(loss, 'read_by_losses', less)
    with pytest.raises(AssertionError, match=message):
        assert_same(train(*spread, 'selective'), expected, rtol=1e-6)


# --- with SRNFPN -------------------------------------------------------------


@pytest.fixture(scope='module')
def detector(root):
    torch.manual_seed(0)
    cfg = load_model_cfg(root / CONFIG)
    cfg.backbone.norm_eval = True  # its statistics are not the question
    model = MODELS.build(cfg).train()
    spread_outputs(model.bbox_head, -4.0)
    spread_outputs(model.neck, 0.0)
    data = model.data_preprocessor(random_batch(1, size=(128, 128)), True)
    with torch.no_grad():
        logits = model(data['inputs'], mode='tensor')[2][0]
    model.bbox_head.conv_cls.weight.data.mul_(1 / logits.std())
    return model


def train_detector(model, data, mode, **cfg):
    model = copy.deepcopy(model)
    model.bbox_head.execution = execution(mode, **cfg)
    torch.manual_seed(0)  # of samplers
    log = model(**copy.deepcopy(data), mode='loss')
    model.parse_losses(log)[0].backward()
    grads = {k: v.grad for k, v in model.named_parameters()}
    return {k: v.detach() for k, v in log.items()}, grads


def batch_of(model, size, monkeypatch):
    """In float64; the second image has no face."""
    data = model.data_preprocessor(random_batch(2, size=size), True)
    data['data_samples'][1].gt_instances = random_faces(0, size, None)
    _, (data['inputs'],), _ = in_double(
        monkeypatch, model.bbox_head, [data['inputs']], data['data_samples']
    )
    model.double()
    return data


@pytest.mark.parametrize('size', [(101, 173), (160, 77)])
@pytest.mark.parametrize('bias', [-40.0, -5.0])
@pytest.mark.parametrize('share', [SRNPyramid.whole_from, 1.0])
def test_detector(detector, monkeypatch, size, bias, share):
    monkeypatch.setattr(SRNPyramid, 'whole_from', share)
    torch.nn.init.constant_(detector.bbox_head.conv_cls.bias, bias)
    data = batch_of(detector, size, monkeypatch)
    expected = train_detector(detector, data, 'dense')
    assert expected[0]['pos_ss'] > 0
    removed = expected[0]['stc_removed_ratio']
    assert removed == 1 if bias == -40 else 0.2 < removed < 0.9
    for mode in ('selective', 'auto'):
        found = train_detector(detector, data, mode)
        assert_same(found, expected, rtol=1e-9)


def test_the_neck_is_asked_for_rows(detector, monkeypatch):
    """No lateral, sum or P map of the levels of STC is built."""
    monkeypatch.setattr(SRNPyramid, 'whole_from', 1.0)
    torch.nn.init.constant_(detector.bbox_head.conv_cls.bias, -5.0)
    data = batch_of(detector, (96, 128), monkeypatch)
    built = []
    build = SRNPyramid._map, SRNPyramid._sum
    monkeypatch.setattr(
        SRNPyramid,
        '_map',
        lambda self, i: built.append(('map', i)) or build[0](self, i),
    )
    monkeypatch.setattr(
        SRNPyramid,
        '_sum',
        lambda self, i: built.append(('sum', i)) or build[1](self, i),
    )
    train_detector(detector, data, 'selective')
    assert {i for _, i in built} == {3, 4, 5}
    built.clear()
    train_detector(detector, data, 'auto', training=0.0)
    assert {i for _, i in built} == set(range(6))
    built.clear()
    train_detector(detector, data, 'dense')
    assert not built


class Doubling(SRNFPN):
    """A neck of somebody's own, which SRNPyramid knows nothing of."""

    def forward(self, feats):
        return tuple(x if x is None else 2 * x for x in super().forward(feats))


class Beside(torch.nn.Module):
    """A head that trains on the same maps."""

    def loss(self, maps, samples):
        return {'loss_beside': sum(x.square().mean() for x in maps[-6:])}


@pytest.mark.parametrize('kind', ['other neck', 'auxiliary head'])
def test_whole_maps_of_the_neck(detector, monkeypatch, kind):
    """Where others need them the head alone is selective."""
    model = copy.deepcopy(detector)
    torch.nn.init.constant_(model.bbox_head.conv_cls.bias, -5.0)
    if kind == 'other neck':
        model.neck.__class__ = Doubling
    else:
        model.auxiliary_head = Beside()
    data = batch_of(model, (96, 128), monkeypatch)
    expected = train_detector(model, data, 'dense')
    monkeypatch.setattr(SRNPyramid, 'rows', None)
    found = train_detector(model, data, 'auto')
    assert_same(found, expected, rtol=1e-9)


def test_the_command_line_switches_it_on(root):
    """As `--cfg-options` of tools/train.py does."""
    cfg = Config.fromfile(root / 'configs/srn' / TRAINED)
    assert 'execution' not in cfg.model.bbox_head
    cfg.merge_from_dict({'model.bbox_head.execution.training': 'auto'})
    cfg.model.backbone.init_cfg = None
    head = MODELS.build(cfg.model).bbox_head
    assert head.execution.trains(head)
