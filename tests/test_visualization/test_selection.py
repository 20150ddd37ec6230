"""What the pictures of the selection say, against counts by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmdet.registry import MODELS
from mmdet.structures.bbox import bbox_overlaps
from mmengine.config import ConfigDict

from mmsrn.utils import register_all_modules
from mmsrn.visualization import (
    LevelSelection,
    count_stc,
    draw_iou_shift,
    draw_stc,
    draw_str,
    measure_str,
    rasterise,
    read_selection,
)
from mmsrn.visualization.selection import best_ious, box_ious

NONE = np.zeros((0, 4))
IMAGE = np.full((32, 48, 3), 200, np.uint8)
SIZES = [(8, 12), (4, 6), (2, 3)]

box = st.tuples(*[st.floats(0, 50)] * 2, *[st.floats(0.1, 50)] * 2).map(
    lambda v: (v[0], v[1], v[0] + v[2], v[1] + v[3])
)
some_boxes = st.lists(box, max_size=5).map(
    lambda v: np.array(v, np.float64).reshape(-1, 4)
)


@given(some_boxes, some_boxes)
def test_ious_are_those_of_mmdet(a, b):
    expected = bbox_overlaps(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    found = box_ious(a, b)
    assert found.shape == (len(a), len(b))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    best = expected.max(1) if len(b) else np.zeros(len(a))
    np.testing.assert_allclose(best_ious(a, b), best, atol=1e-6)


def make_head(**kwargs):
    register_all_modules()
    cfg = dict(
        type='SRNHead',
        num_classes=1,
        in_channels=4,
        feat_channels=4,
        stc_levels=(0, 1),
        str_levels=(2,),
        anchor_generator=dict(
            type='SRNAnchorGenerator',
            strides=[4, 8, 16],
            ratios=[1.25],
            scales=[2, 2.828427],
        ),
        test_cfg=dict(
            nms_pre=1000,
            score_thr=0.0,
            nms=dict(type='nms', iou_threshold=1.0),
            max_per_img=1000,
        ),
    )
    torch.manual_seed(3)  # the gate stops some anchors and not all
    head = MODELS.build(ConfigDict(dict(cfg, **kwargs)))
    torch.nn.init.normal_(head.conv_reg.weight, std=0.3)
    torch.nn.init.normal_(head.conv_cls.weight, std=1.5)
    torch.nn.init.constant_(head.conv_cls.bias, -4.6)
    if not head.use_sigmoid_cls:  # a background more likely than the classes
        head.conv_cls.bias.data[head.num_classes :: head.cls_out_channels] = 0
    return head.eval()


def forward(head, batch=2):
    gen = torch.Generator().manual_seed(1)
    maps = [torch.randn(batch, 4, *size, generator=gen) for size in SIZES * 2]
    with torch.no_grad():
        return head(tuple(maps))


@pytest.mark.parametrize(
    'kwargs',
    [
        {},
        dict(num_classes=3),
        dict(
            num_classes=2,
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False),
        ),
        dict(
            num_classes=9,
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False),
            theta=0.7,
        ),
        dict(stc_levels=()),
        dict(str_levels=()),
        dict(stc_levels=(0, 1, 2), str_levels=(0, 1, 2), theta=0.9),
    ],
)
def test_read_as_the_head_predicts(kwargs):
    """What passes the gate is what the head itself would report."""
    head = make_head(**kwargs)
    outputs = forward(head)
    metas = [dict(img_shape=(999, 999), scale_factor=(1.0, 1.0))] * 2
    with torch.no_grad():
        results = head.predict_by_feat(*outputs, metas, with_nms=False)
    for index in range(2):
        levels = read_selection(head, outputs, index, (999, 999))
        assert [x.name for x in levels] == ['P2', 'P3', 'P4']
        assert [x.shape for x in levels] == SIZES
        boxes = np.vstack([x.boxes[x.kept] for x in levels])
        scores = np.concatenate([x.second_scores[x.kept] for x in levels])
        if kwargs.get('stc_levels', True):
            assert 0 < len(boxes) < sum(len(x.boxes) for x in levels)
        # The head may list a box once per class.
        found = {
            tuple(row)
            for row in results[index].bboxes.numpy().round(2).tolist()
        }
        assert {tuple(row) for row in boxes.round(2).tolist()} == found
        best = results[index].scores.max().item()
        assert scores.max() == pytest.approx(best, abs=1e-6)


def level(index, anchors, scores, **kwargs):
    anchors = np.array(anchors, float)
    first = kwargs.get('first_scores')
    return LevelSelection(
        level=index,
        shape=(1, len(anchors)),
        anchors=anchors,
        second_scores=np.array(scores, float),
        boxes=kwargs.pop('boxes', anchors),
        kept=np.ones(len(anchors), bool) if first is None else first > 0.1,
        **kwargs,
    )


FACE = np.array([[10.0, 10, 20, 20]])
# IoU with the face: 1, 0.5, 0.43 (neither), 0.
ROW = [[10, 10, 20, 20], [10, 10, 20, 15], [14, 10, 24, 20], [40, 0, 48, 9]]


def stc_level():
    return level(
        0,
        ROW,
        [0.9, 0.8, 0.7, 0.6],
        first_scores=np.array([0.5, 0.1, 0.05, 0.02]),
    )


def test_count_stc():
    levels = [stc_level(), level(1, ROW, [0] * 4)]
    # Without first-step scores a level has no STC.
    assert count_stc(levels, FACE) == {
        'P2': dict(negatives=1, removed=1, positives=2, lost=1)
    }
    assert count_stc(levels, NONE)['P2'] == dict(
        negatives=4, removed=3, positives=0, lost=0
    )


def test_measure_str():
    """Of the anchors that the first step moved onto the face."""
    moved = np.array(ROW, float)[[1, 0, 3, 3]]
    boxes = np.array(ROW, float)[[0, 1, 2, 3]]
    levels = [level(3, ROW, [0.1] * 4, moved=moved, boxes=boxes), stc_level()]
    np.testing.assert_allclose(
        measure_str(levels, FACE), [[1, 0.5, 1], [0.5, 1, 0.5]]
    )
    assert measure_str(levels, NONE).shape == (0, 3)
    assert measure_str([stc_level()], FACE).shape == (0, 3)


def test_per_cell():
    two = level(0, ROW, [0] * 4)
    two.shape = (1, 2)  # two anchors a cell
    assert two.per_cell(np.array([1, 4, 3, 2])).tolist() == [[4, 3]]


def test_draw_stc():
    figure = draw_stc(IMAGE, [stc_level(), level(1, ROW, [0] * 4)], FACE)
    upper, lower = figure.axes[:2]
    assert 'P2' in upper.get_title()
    assert '1 of 1 negatives removed (100.0%)' in lower.get_title()
    # The third and fourth lie on no face and would have been reported.
    assert '1 of 2 positives lost, 2 false alarms' in lower.get_title()
    crosses = lower.collections[0].get_offsets()
    assert crosses.tolist() == [[19, 15], [44, 4.5]]
    assert rasterise(figure).std() > 20
    for faces in (NONE, FACE):
        head = make_head()
        levels = read_selection(head, forward(head))
        assert len(draw_stc(IMAGE, levels, faces).axes) == 5  # with the bar


def test_draw_stc_without_stc():
    with pytest.raises(ValueError, match='STC is off'):
        draw_stc(IMAGE, [level(0, ROW, [0] * 4)], FACE)


def test_draw_str():
    moved = np.array(ROW, float)[[1, 0, 0, 3]]
    levels = [level(3, ROW, [0.1, 0.2, 0.3, 0.9], moved=moved)]
    figure = draw_str(IMAGE, levels, FACE)
    (axis,) = figure.axes
    # The third has the best score of those on the face.
    assert (
        axis.get_title().replace('\u2192', '>') == 'P5: IoU 0.43 > 1.00 > 0.43'
    )
    corners = [patch.get_bbox().extents.tolist() for patch in axis.patches]
    assert corners == [ROW[2], ROW[0], ROW[2], FACE[0].tolist()]
    assert rasterise(figure).std() > 5
    (legend,) = figure.legends  # nothing of it is cut off
    low, high = legend.get_window_extent().get_points()
    assert (low >= 0).all() and (high <= figure.bbox.max).all()


def test_nothing_to_draw_of_str():
    moved = np.array([ROW[3]] * 4, float)
    far = [level(3, ROW, [0.9] * 4, moved=moved)]
    for levels, faces in ((far, FACE), (far, NONE), ([stc_level()], FACE)):
        assert draw_str(IMAGE, levels, faces) is None


def test_draw_iou_shift():
    ious = np.array([[0.3, 0.6, 0.9], [0.5, 0.6, 0.7]])
    figure = draw_iou_shift(ious)
    (axis,) = figure.axes
    labels = [x.get_text() for x in axis.get_legend().get_texts()]
    assert [x.split()[-1] for x in labels] == ['0.400', '0.600', '0.800']
    assert axis.get_title().startswith('2 positives')
    # Two values in each of the three histograms.
    assert sum(bar.get_height() for bar in axis.patches) == 6
    empty = draw_iou_shift(np.zeros((0, 3)))
    assert 'none' in empty.axes[0].get_legend().get_texts()[0].get_text()
    assert rasterise(empty).size
