"""STC and STR in detectors of mmdet's, prior by prior."""

import math
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures.bbox import bbox_overlaps

from mmsrn.testing.models import load_model_cfg, random_batch

ROOT = Path(__file__).resolve().parents[2]
SIZE = (128, 160)
GATE = 0.01
GHMC = dict(type='GHMC', use_sigmoid=True)


def small(name):
    """A mixing config with a thin backbone, and scores around the gate."""
    torch.manual_seed(0)
    cfg = load_model_cfg(ROOT / f'configs/mixing/{name}.py')
    cfg.backbone.update(
        depth=18,
        base_channels=8,
        stem_channels=8,
        norm_eval=False,
        frozen_stages=-1,
        zero_init_residual=False,
    )
    widths = [8, 16, 32, 64]
    cfg.neck.in_channels = [widths[i] for i in cfg.backbone.out_indices]
    heads = cfg.get('roi_head', {}).get('bbox_head', [])
    for head in heads if isinstance(heads, list) else [heads]:
        head.fc_out_channels = 32
    model = MODELS.build(cfg)
    model.init_weights()
    return model.train()


def data_of(model, num_faces=4):
    batch = random_batch(2, SIZE, num_faces)
    return model.data_preprocessor(batch, training=True)


def record(module):
    """Outputs of a module; calls of `forward` append to the list."""
    calls = []
    module.register_forward_hook(lambda _, args, out: calls.append(out))
    return calls


class Recorder:
    """Passes calls on, and keeps the first argument and the result."""

    def __init__(self, function):
        self.function, self.given, self.results = function, [], []

    def __call__(self, first, *args, **kwargs):
        result = self.function(first, *args, **kwargs)
        self.given.append(first)
        self.results.append(result)
        return result


def rows(level, image, channels):
    """(priors, channels) of an image; level is (N, A * channels, H, W)."""
    _, height, width = level[image].shape
    return [
        level[image][a * channels : (a + 1) * channels, y, x].tolist()
        for y in range(height)
        for x in range(width)
        for a in range(level.shape[1] // channels)
    ]


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))


def moved_by_hand(prior, deltas, stds=(1, 1, 1, 1)):
    x1, y1, x2, y2 = prior
    dx, dy, dw, dh = (d * s for d, s in zip(deltas, stds))
    w, h = x2 - x1, y2 - y1
    cx, cy = x1 + w / 2 + dx * w, y1 + h / 2 + dy * h
    w, h = w * math.exp(dw), h * math.exp(dh)
    return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]


def labels_by_hand(priors, faces, pos=0.5, neg=0.4):
    """1 positive, 0 negative, -1 ignored: MaxIoUAssigner, min_pos_iou=0."""
    # Overlaps as mmdet has them: it is exact about ties.
    table = bbox_overlaps(faces, priors).T.tolist()
    labels = [
        1 if max(row) >= pos else 0 if max(row) < neg else -1 for row in table
    ]
    for column in zip(*table):
        for i, value in enumerate(column):
            if value == max(column):
                labels[i] = 1
    return labels


def grid(head, maps):
    sizes = [x.shape[-2:] for x in maps]
    return head.prior_generator.grid_priors(sizes, device='cpu')


@pytest.mark.parametrize('host', ['faster-rcnn', 'cascade-rcnn'])
def test_selection_inside_the_rpn(host):
    model = small(f'{host}_r50_fpn_srn-rpn_1x_coco')
    head = model.rpn_head
    with torch.no_grad():
        head.conv_cls.weight.normal_(std=1)
        head.conv_reg.weight.normal_(std=2)
    outputs = record(head)
    head.gate.select = Recorder(head.gate.select)
    head.second_assigner = Recorder(head.second_assigner)
    data = data_of(model)
    model(**data, mode='loss')

    ((cls_fs, bbox_fs, cls_ss, _),) = outputs
    (selected,) = head.gate.select.results
    (assigned_on,) = head.second_assigner.given
    (targets,) = head.second_assigner.results
    priors = grid(head, cls_ss)
    seen = set()
    for image, sample in enumerate(data['data_samples']):
        faces = sample.gt_instances.bboxes
        expected, easy, shifts = [], [], 0
        for i, level in enumerate(priors):
            level = level.tolist()
            if i in head.str_levels:
                deltas = rows(bbox_fs[i], image, 4)
                shifts += sum(abs(x) > 0.01 for row in deltas for x in row)
                level = list(map(moved_by_hand, level, deltas))
            expected += level
            if i in head.stc_levels:
                logits = [x for (x,) in rows(cls_fs[i], image, 1)]
                easy += [sigmoid(x) <= GATE for x in logits]
            else:
                easy += [False] * len(level)
        torch.testing.assert_close(
            assigned_on[image], torch.tensor(expected), rtol=1e-4, atol=1e-3
        )
        assert shifts > 0
        labels = labels_by_hand(assigned_on[image], faces)
        kept = [
            label == 1 or (label == 0 and not drop)
            for label, drop in zip(labels, easy)
        ]
        assert selected[image].tolist() == kept
        ours = [{0: 1, 1: 0}.get(x, x) for x in targets.labels[image].tolist()]
        assert ours == labels
        seen |= set(zip(labels, easy))
    assert {(0, True), (0, False), (1, True), (1, False)} <= seen


def overlap(a, b):
    w, h = (min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
    both = max(w, 0) * max(h, 0)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return both / (sum(areas) - both)


def proposals_by_hand(head, outputs, image, cfg):
    """Scored boxes of an image, and the scores that STC has stopped."""
    cls_fs, bbox_fs, cls_ss, bbox_ss = outputs
    candidates, stopped = [], []
    for i, level in enumerate(grid(head, cls_ss)):
        scores = [sigmoid(x) for (x,) in rows(cls_ss[i], image, 1)]
        passed = set(range(len(scores)))
        if i in head.stc_levels:
            first = [sigmoid(x) for (x,) in rows(cls_fs[i], image, 1)]
            passed = {j for j in passed if first[j] > GATE}
            stopped += [x for j, x in enumerate(scores) if j not in passed]
        best = sorted(passed, key=lambda j: -scores[j])[: cfg.nms_pre]
        deltas = rows(bbox_ss[i], image, 4)
        moves = rows(bbox_fs[i], image, 4) if i in head.str_levels else None
        for j in best:
            prior = level[j].tolist()
            if moves is not None:
                prior = moved_by_hand(prior, moves[j])
            x1, y1, x2, y2 = moved_by_hand(prior, deltas[j])
            x1, x2 = (min(max(x, 0), SIZE[1]) for x in (x1, x2))
            y1, y2 = (min(max(y, 0), SIZE[0]) for y in (y1, y2))
            if x2 > x1 and y2 > y1:
                candidates.append(([x1, y1, x2, y2], scores[j], i))
    candidates.sort(key=lambda x: -x[1])
    kept, others = [], 0
    for box, score, i in candidates:
        near = [
            level
            for x, _, level in kept
            if overlap(box, x) > cfg.nms.iou_threshold
        ]
        others += any(level != i for level in near)
        if i not in near:  # boxes of a level suppress no others
            kept.append((box, score, i))
    assert cfg.max_per_img < len(kept) < len(candidates) and others
    return [x[:2] for x in kept[: cfg.max_per_img]], stopped


def random_outputs(head):
    """Of two images: scores on both sides of the gate, boxes that move."""
    gen = torch.Generator().manual_seed(0)
    num = head.num_base_priors
    levels = range(len(head.prior_generator.strides))
    wanted = (head.stc_levels, head.str_levels, levels, levels)
    outputs = []
    for width, shift, chosen in zip((1, 4, 1, 4), (-4.6, 0, -2, 0), wanted):
        maps = []
        for i, (stride, _) in enumerate(head.prior_generator.strides):
            shape = [2, num * width, *(math.ceil(x / stride) for x in SIZE)]
            drawn = torch.randn(shape, generator=gen) * 0.5 + shift
            maps.append(drawn if i in chosen else None)
        outputs.append(maps)
    return tuple(outputs)


@pytest.mark.parametrize('training', [True, False])
def test_proposals_by_hand(training):
    """Those that the RoI head is given, in training and in testing."""
    model = small('faster-rcnn_r50_fpn_srn-rpn_1x_coco').train(training)
    head = model.rpn_head
    # They differ, so that one cannot pass for the other.
    for cfg, numbers in (
        (model.train_cfg.rpn_proposal, (60, 20, 0.6)),
        (head.test_cfg, (50, 15, 0.5)),
    ):
        cfg.nms_pre, cfg.max_per_img, cfg.nms.iou_threshold = numbers
    outputs, given = random_outputs(head), []

    def loss(maps, proposals, samples):
        given.append(proposals)
        return {}

    def predict(maps, proposals, samples, rescale):
        given.append(proposals)
        return proposals

    model.extract_feat, head.forward = (lambda _: None), (lambda _: outputs)
    model.roi_head.loss, model.roi_head.predict = loss, predict
    model(**data_of(model), mode='loss' if training else 'predict')
    cfg = model.train_cfg.rpn_proposal if training else head.test_cfg
    (proposals,) = given
    for image, found in enumerate(proposals):
        expected, stopped = proposals_by_hand(head, outputs, image, cfg)
        boxes, scores = map(torch.tensor, zip(*expected))
        assert max(stopped) > scores.min()
        torch.testing.assert_close(found.scores, scores)
        torch.testing.assert_close(found.bboxes, boxes, rtol=1e-4, atol=1e-2)
        assert (found.labels == 0).all() and len(found) == cfg.max_per_img


def test_proposals_are_not_taught_by_the_roi_head():
    """They start its targets, through which nothing may flow back."""
    model = small('faster-rcnn_r50_fpn_srn-rpn_1x_coco')
    losses = model(**data_of(model), mode='loss')
    (losses['loss_cls'] + losses['loss_bbox']).backward()
    assert all(p.grad is None for p in model.rpn_head.parameters())
    assert model.backbone.conv1.weight.grad.any()


@pytest.mark.parametrize('num_faces', [0, 3])
def test_no_proposals(num_faces):
    """The first step rejects all, and STC is on every level."""
    model = small('faster-rcnn_r50_fpn_srn-rpn_1x_coco')
    head = model.rpn_head
    head.stc_levels = head.gate.levels = (0, 1, 2, 3, 4)
    torch.nn.init.constant_(head.conv_cls.bias, -20)
    losses = model(**data_of(model, num_faces), mode='loss')
    total, log = model.parse_losses(losses)
    assert total.isfinite() and log['rpn_loss_cls_ss'].isfinite()
    results = model.eval()(**data_of(model), mode='predict')
    assert [len(x.pred_instances) for x in results] == [0, 0]


def focal(logit, positive):
    p = sigmoid(logit)
    if positive:
        return -0.25 * (1 - p) ** 2 * math.log(p)
    return -0.75 * p**2 * math.log1p(-p)


def test_stc_in_retina_head():
    model = small('retinanet_r50_fpn_stc_1x_coco')
    head = model.bbox_head
    with torch.no_grad():
        head.retina_cls.weight.normal_(std=20)
        head.retina_cls.bias.fill_(-8)
    outputs = record(head)
    data = data_of(model)
    losses = model(**data, mode='loss')
    ((scores, deltas),) = outputs
    priors = grid(head, deltas)
    width = head.num_base_priors * head.num_classes
    sums, positives, dropped, stopped = [0.0] * len(scores), 0, 0, 0
    for image, sample in enumerate(data['data_samples']):
        faces = sample.gt_instances.bboxes
        labels = iter(labels_by_hand(torch.cat(priors), faces))
        for i, level in enumerate(scores):
            second = rows(level[:, :width], image, head.num_classes)
            first = rows(level[:, width:], image, head.num_classes)
            assert len(first) == (len(second) if i in (0, 1) else 0)
            for j, logits in enumerate(second):
                label = next(labels)
                positives += label == 1
                steps = [logits]
                if first:
                    easy = sigmoid(max(first[j])) <= GATE
                    drop = easy and label == 0
                    dropped += drop
                    stopped += easy
                    steps = [first[j]] + ([] if drop else [logits])
                if label >= 0:  # all objects are of class 0
                    sums[i] += sum(
                        focal(x, label == 1 and c == 0)
                        for step in steps
                        for c, x in enumerate(step)
                    )
    gated = sum(map(len, priors[:2])) * 2
    assert 0 < dropped < gated - 10
    assert losses['stc_dropped'].item() == pytest.approx(stopped / gated)
    for found, expected in zip(losses['loss_cls'], sums, strict=True):
        assert found.item() == pytest.approx(expected / positives, rel=1e-3)


def test_stc_hides_what_the_first_step_rejects():
    head = MODELS.build(
        dict(
            type='STCRetinaHead',
            num_classes=2,
            in_channels=8,
            feat_channels=8,
            anchor_generator=dict(
                type='AnchorGenerator',
                strides=[8, 16],
                ratios=[1.0, 2.0],
                scales=[4],
            ),
            loss_stc=dict(levels=(0,), theta=0.5),
        )
    )
    torch.manual_seed(0)
    scores = [torch.randn(1, 8, 3, 4), torch.randn(1, 4, 2, 2)]
    gated = [head._gate(x) for x in scores]
    assert torch.equal(gated[1], scores[1])
    hidden = 0
    for a in range(2):
        for y in range(3):
            for x in range(4):
                first = scores[0][0, 4 + 2 * a : 6 + 2 * a, y, x]
                found = gated[0][0, 2 * a : 2 * a + 2, y, x]
                if first.sigmoid().max() > 0.5:
                    second = scores[0][0, 2 * a : 2 * a + 2, y, x]
                    assert torch.equal(found, second)
                else:
                    assert (found == -torch.inf).all()
                    hidden += 1
    assert 0 < hidden < 24


@pytest.mark.parametrize(
    'wrong, message',
    [
        (dict(loss_cls=dict(type='CrossEntropyLoss')), 'sigmoids'),
        (
            dict(loss_cls=dict(type='VarifocalLoss', use_sigmoid=True)),
            'VarifocalLoss wants an overlap',
        ),
        (dict(loss_cls=GHMC), 'GHMC ignores the weights'),
        # The divisor is that of RetinaHead.
        (dict(loss_stc=dict(levels=(0,), per_image=True)), "'per_image'"),
        (dict(loss_stc=dict(levels=(0, 5))), r'levels .*=\(0, 5\).*0\.\.4'),
        (dict(loss_stc=dict(levels=(-1,))), r'levels .*=\(-1,\).*0\.\.4'),
        (dict(loss_stc=dict(levels=2)), 'levels .*=2 must be a tuple'),
        (dict(type='STRATSSHead', str_levels=(5,)), r'str_levels=\(5,\)'),
        (dict(type='STRATSSHead', str_levels=1), 'str_levels=1 must be a tup'),
    ],
)
def test_what_heads_of_mmdet_refuse(wrong, message):
    cfg = dict(type='STCRetinaHead', num_classes=2, in_channels=8)
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(cfg, **wrong))


@pytest.mark.parametrize(
    'head',
    [
        dict(type='STCRetinaHead', loss_stc=dict(levels=(0, 1))),
        dict(type='STRATSSHead', str_levels=(0, 1)),
    ],
    ids=lambda x: x['type'],
)
def test_maps_that_heads_of_mmdet_miss(head):
    head = MODELS.build(dict(head, num_classes=2, in_channels=32))
    maps = [torch.zeros(1, 32, x, x) for x in (16, 8, 4, 2, 1)]
    missing = (None, None, *maps[2:], *maps)
    with pytest.raises(ValueError, match=r'maps \[0, 1\].*first_step_levels'):
        head(missing)
    head((*maps[:2], None, None, None, *maps))  # not needed: fine
    with pytest.raises(ValueError, match='must put out 5 maps .* put out 7'):
        head((*maps, *maps[:2]))


def test_str_in_atss_head():
    model = small('atss_r50_fpn_str_1x_coco')
    head = model.bbox_head
    with torch.no_grad():
        head.atss_reg.weight.normal_(std=0.1)
    outputs = record(head)
    head.assigner.assign = Recorder(head.assigner.assign)
    data = data_of(model)
    losses = model(**data, mode='loss')
    ((_, deltas, _),) = outputs
    levels = [x.tolist() for x in grid(head, deltas)]
    stds = (0.1, 0.1, 0.2, 0.2)
    # Two images of the first step, then two of the second.
    given = [x.priors for x in head.assigner.assign.given]
    assert len(given) == 4
    for image in range(2):
        first, expected = [], []
        for i, level in enumerate(levels):
            first += level
            if i in head.str_levels:
                moves = rows(deltas[i][:, 4:], image, 4)
                level = [
                    moved_by_hand(p, d, stds) for p, d in zip(level, moves)
                ]
            expected += level
        torch.testing.assert_close(given[image], torch.tensor(first))
        torch.testing.assert_close(
            given[2 + image], torch.tensor(expected), rtol=1e-4, atol=1e-3
        )
        assert (given[2 + image] - given[image]).abs().max() > 1
    assert len(losses['loss_bbox_fs']) == len(head.str_levels)

    # Detections start from the moved anchors.
    model.eval()
    outputs.clear()
    head.test_cfg.update(score_thr=0, nms_pre=10000, max_per_img=10000)
    found = model(**data, mode='predict')
    ((_, deltas, _),) = outputs
    for image, sample in enumerate(found):
        possible = []
        for i, level in enumerate(levels):
            if i in head.str_levels:
                moves = rows(deltas[i][:, 4:], image, 4)
                level = [
                    moved_by_hand(p, d, stds) for p, d in zip(level, moves)
                ]
            last = rows(deltas[i][:, :4], image, 4)
            possible += [
                moved_by_hand(p, d, stds) for p, d in zip(level, last)
            ]
        possible = torch.tensor(possible)
        possible[:, 0::2] = possible[:, 0::2].clamp(0, SIZE[1])
        possible[:, 1::2] = possible[:, 1::2].clamp(0, SIZE[0])
        boxes = sample.pred_instances.bboxes
        assert len(boxes) > 10
        gaps = (boxes[:, None] - possible[None]).abs().amax(dim=-1)
        assert gaps.amin(dim=1).max() < 1e-2


def test_str_gradients_stop_at_the_moved_anchors():
    head = MODELS.build(
        dict(
            type='STRATSSHead',
            num_classes=1,
            in_channels=32,
            feat_channels=32,
            str_levels=(1,),
            loss_bbox=dict(type='GIoULoss'),
            loss_centerness=dict(type='CrossEntropyLoss', use_sigmoid=True),
            anchor_generator=dict(
                type='AnchorGenerator',
                ratios=[1.0],
                octave_base_scale=4,
                scales_per_octave=1,
                strides=[8, 16],
            ),
            train_cfg=dict(
                assigner=dict(type='ATSSAssigner', topk=9),
                allowed_border=-1,
                pos_weight=-1,
            ),
        )
    )
    torch.manual_seed(0)
    sizes = [(16, 20), (8, 10)]
    maps = [
        torch.randn(2, 32, *x, requires_grad=True) for x in sizes for _ in '12'
    ]
    first, second = maps[::2], maps[1::2]
    data = random_batch(2, SIZE, 4)['data_samples']
    for sample in data:
        sample.set_metainfo(dict(pad_shape=SIZE))
        sample.gt_instances.bboxes[0] = torch.tensor([20.0, 20, 90, 90])
    losses = head.loss((*first, *second), data)
    sum(losses['loss_bbox']).backward(retain_graph=True)
    assert all(x.grad is None or not x.grad.any() for x in first)
    assert all(x.grad.any() for x in second)
    sum(losses['loss_bbox_fs']).backward()
    assert first[1].grad.any() and first[0].grad is None
