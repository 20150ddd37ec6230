"""Pictures of the assignment: pixels, counts, and anchors of the padding."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from mmsrn.utils import register_all_modules
from mmsrn.visualization import (
    LevelAssignment,
    StepAssignment,
    draw_assignment,
    draw_ground_truth,
    rasterise,
    read_assignment,
)
from mmsrn.visualization.assignment_figures import (
    FACE,
    IGNORED,
    LEVELS,
    ORPHAN,
)

NONE = np.zeros((0, 4))
IMAGE = np.full((240, 320, 3), 100, np.uint8)  # drawn three times as large


def texts(figure):
    return [x.get_text() for x in figure.axes[1].texts]


def near(picture, x, y, color):
    """Whether a colour is within two pixels of a place of the image."""
    part = picture[3 * y - 2 : 3 * y + 3, 3 * x - 2 : 3 * x + 3].astype(int)
    wanted = np.array(to_rgb(color))[::-1] * 255
    return (abs(part - wanted).max(2) < 60).any()


FACES = np.array([[20, 20, 80, 80], [200, 100, 260, 160]], float)
HIDDEN = np.array([[100, 180, 150, 230]], float)


def a_step(**kwargs):
    anchors = np.array([[30, 30, 90, 90], [150, 30, 190, 70]], float)
    yes, no = np.array([True, False]), np.array([False, True])
    levels = [
        LevelAssignment(0, anchors, yes, no, ~(yes | no), no),
        LevelAssignment(3, anchors + 5, ~(yes | no), yes, no),
    ]
    args = dict(
        step=2,
        levels=levels,
        faces=FACES,
        ignored_faces=HIDDEN,
        found=yes,
        moved=True,
    )
    return StepAssignment(**{**args, **kwargs})


def test_draw_assignment():
    picture = rasterise(draw_assignment(IMAGE, a_step()))
    assert picture.shape == (720, 960 + 350, 3)
    assert near(picture, 60, 90, LEVELS[0])  # positive anchor
    assert not near(picture, 170, 70, LEVELS[0])  # negative
    assert not near(picture, 60, 95, LEVELS[3])  # negative, other level
    assert near(picture, 40, 80, FACE)
    assert near(picture, 230, 130, ORPHAN)  # nobody learns this face
    assert not near(picture, 50, 50, ORPHAN)
    edge = [near(picture, x, 180, IGNORED) for x in range(100, 150)]
    assert any(edge)
    assert picture[10, 10].tolist() == [70] * 3  # darker than the image


def test_legend():
    found = texts(draw_assignment(IMAGE, a_step(), 'a title'))
    assert found[0] == 'a title'
    rows = [x.split() for x in found]
    assert ['P2', '1', '0', '1', '1'] in rows  # the last: dropped by STC
    assert ['P5', '0', '1', '1', '-'] in rows
    assert ['1', '1', '2', '1'] in rows
    assert 'faces: 2' in found and 'ignored faces: 1' in found
    assert 'faces without an anchor: 1' in found
    assert 'moved by the first step' in found
    found = texts(draw_assignment(IMAGE, a_step(moved=False)))
    assert 'on unmoved anchors: no checkpoint' in found
    step = a_step(step=1, ignored_faces=NONE)
    for level in step.levels:
        level.dropped = None
    found = texts(draw_assignment(IMAGE, step))
    assert not any('moved' in x or 'STC' in x or 'ign' in x[:9] for x in found)


def test_ground_truth():
    figure = draw_ground_truth(IMAGE, FACES, HIDDEN, 'name.jpg' * 9)
    picture = rasterise(figure)
    assert near(picture, 50, 20, FACE) and near(picture, 230, 160, FACE)
    assert any(near(picture, x, 230, IGNORED) for x in range(100, 150))
    assert picture[10, 10].tolist() == [100] * 3
    found = texts(figure)
    assert ''.join(found[:2]) == 'name.jpg' * 9  # too long for one line
    assert '320 x 240 pixels' in found
    assert 'face: 2' in found and 'ignored: 1' in found
    assert '60 to 60 px, median 60 px' in found


def test_several_classes():
    names = ['dog', 'cat']
    figure = draw_ground_truth(IMAGE, FACES, NONE, names=names)
    assert 'dog: 1' in texts(figure) and 'cat: 1' in texts(figure)
    assert sorted(x.get_text() for x in figure.axes[0].texts) == [
        'cat',
        'dog',
    ]
    picture = rasterise(figure)
    assert near(picture, 230, 160, LEVELS[0])  # cat
    assert near(picture, 50, 80, LEVELS[1])


@pytest.mark.parametrize('shape', [(1, 1), (2, 500), (500, 2), (1300, 40)])
def test_odd_sizes(shape):
    image = np.zeros((*shape, 3), np.uint8)
    figure = draw_ground_truth(image, NONE, NONE)
    assert 'no ground truth' in texts(figure)
    assert rasterise(figure).shape[0] >= 340  # room for the legend
    step = a_step(faces=NONE, ignored_faces=NONE, found=np.zeros(0, bool))
    assert rasterise(draw_assignment(image, step)).size


@pytest.fixture(scope='module')
def head():
    return make_head()


def make_head(**kwargs):
    register_all_modules()

    def step(pos, neg):
        assigner = dict(
            type='MaxIoUAssigner',
            pos_iou_thr=pos,
            neg_iou_thr=neg,
            min_pos_iou=0.3,
            ignore_iof_thr=0.5,
        )
        return dict(assigner=assigner)

    cfg = dict(
        type='SRNHead',
        num_classes=1,
        in_channels=4,
        feat_channels=4,
        stc_levels=(0,),
        str_levels=(2,),
        anchor_generator=dict(
            type='SRNAnchorGenerator',
            strides=[4, 8, 16],
            ratios=[1.25],
            scales=[2, 2.828427],
        ),
        train_cfg=dict(first_step=step(0.7, 0.3), second_step=step(0.5, 0.4)),
    )
    return MODELS.build(ConfigDict(dict(cfg, **kwargs)))


def sample(*faces, ignored=(), image=(64, 96), padded=(64, 96)):
    def instances(boxes):
        boxes = torch.tensor(boxes, dtype=torch.float).reshape(-1, 4)
        labels = torch.zeros(len(boxes), dtype=torch.long)
        return InstanceData(bboxes=boxes, labels=labels)

    meta = dict(img_shape=image, pad_shape=image, batch_input_shape=padded)
    result = DetDataSample(metainfo=meta)
    result.gt_instances = instances(faces)
    result.ignored_instances = instances(ignored)
    return result


def count(step, kind):
    return [int(getattr(x, kind).sum()) for x in step.levels]


def test_one_face(head):
    # An anchor of P3 in its place: 16 wide, 20 high.
    priors = head.prior_generator.grid_priors(
        [(16, 24), (8, 12), (4, 6)], device='cpu'
    )
    face = priors[1][2 * (12 * 4 + 5)].tolist()
    first, second = read_assignment(head, sample(face))
    # P3 has neither STC nor STR: the first step does not train it.
    assert [x.level for x in first.levels] == [0, 2]
    assert [x.level for x in second.levels] == [0, 1, 2]
    assert not first.found.any() and second.found.all()
    assert first.step == 1 and not second.moved
    places = second.levels[1].anchors[second.levels[1].positive]
    assert face in places.tolist()
    sizes = [2 * 16 * 24, 2 * 8 * 12, 2 * 4 * 6]
    for i, level in enumerate(second.levels):
        masks = [level.positive, level.negative, level.ignored]
        assert (np.sum(masks, 0) == 1).all()
        assert len(level.anchors) == sizes[i] and level.dropped is None


def test_padding_is_counted_nowhere(head):
    """Cells of the padding take no part; maps of odd sizes are rounded up."""
    _, second = read_assignment(head, sample(image=(30, 45), padded=(61, 90)))
    assert [len(x.anchors) for x in second.levels] == [
        2 * 16 * 23,
        2 * 8 * 12,
        2 * 4 * 6,
    ]
    assert count(second, 'negative') == [2 * 8 * 12, 2 * 4 * 6, 2 * 2 * 3]
    assert count(second, 'ignored') == count(second, 'positive') == [0] * 3


def test_ignored_faces(head):
    step = read_assignment(head, sample(ignored=[(0, 0, 48, 64)]))[1]
    assert sum(count(step, 'ignored')) > 100
    assert step.faces.shape == (0, 4) and step.ignored_faces.shape == (1, 4)
    assert step.found.shape == (0,)


@pytest.mark.parametrize('use_sigmoid', [True, False])
def test_dropped_as_in_training(use_sigmoid):
    """Many classes, by the rule of the gate and by the log of the loss."""
    loss = dict(type='CrossEntropyLoss', use_sigmoid=use_sigmoid)
    head = make_head(num_classes=9, loss_cls=loss, theta=0.6)
    data = sample((10, 10, 30, 34))
    gen = torch.Generator().manual_seed(0)
    sizes = [(16, 24), (8, 12), (4, 6)]
    channels = 2 * head.cls_out_channels
    cls = [3 * torch.randn(1, channels, *x, generator=gen) - 4 for x in sizes]
    if not use_sigmoid:
        cls[0][:, 9::10] += 7  # the background
    box = [torch.zeros(1, 8, *x) for x in sizes]
    outputs = [[cls[0], None, None], [None, None, box[2]], cls, box]
    log = head.loss_by_feat(*outputs, [data.gt_instances], [data.metainfo])

    logits = cls[0][0].permute(1, 2, 0).reshape(-1, head.cls_out_channels)
    if use_sigmoid:
        background = 1 - logits.sigmoid().amax(1)
    else:
        background = logits.softmax(1)[:, -1]
    level = read_assignment(head, data, outputs)[1].levels[0]
    expected = level.negative & (background > 0.6).numpy()
    assert level.dropped.tolist() == expected.tolist()
    assert 50 < expected.sum() < level.negative.sum() - 50
    assert expected.sum() == log['stc_removed'].item()
