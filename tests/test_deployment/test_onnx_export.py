"""Exported graphs find what the detector finds."""

import copy
import dataclasses

import numpy as np
import onnx
import pytest
import torch
from mmdet.registry import MODELS

from mmsrn.deployment import onnx_export, postprocess
from mmsrn.deployment.onnx_export import export_onnx
from mmsrn.deployment.onnx_nms import add_nms
from mmsrn.deployment.parity import measure_difference, torch_candidates
from mmsrn.deployment.session import facts_of, start_session
from mmsrn.models.utils.dead_channels import last_layers
from mmsrn.testing.models import load_model_cfg, scatter_weights

TOLERANCE = 1e-4
# Even and odd, wide and tall, with maps of one cell, and several photos.
SIZES = [(1, 64, 96), (1, 97, 131), (2, 33, 210), (1, 7, 5), (3, 160, 45)]


@pytest.fixture(scope='module')
def session(exported):
    return start_session(exported.SerializeToString())


@pytest.mark.parametrize('size', SIZES, ids=str)
def test_parity(session, small_detector, noise, size):
    found = measure_difference(session, small_detector, noise(*size))
    assert found['candidates'].num >= found['detections'].num > 0
    assert all(x.within(TOLERANCE) for x in found.values()), found


def test_both_steps_decide(small_detector, noise):
    """Else parity would say little of STC, thresholds and STR."""
    images = noise(1, 97, 131)
    num = len(torch_candidates(small_detector, images)[0])
    other = copy.deepcopy(small_detector)
    other.bbox_head.gate.theta = 0
    without_stc = len(torch_candidates(other, images)[0])
    other = copy.deepcopy(small_detector)
    other.bbox_head.test_cfg.score_thr = 0
    without_threshold = len(torch_candidates(other, images)[0])
    assert num > 100
    assert abs(num - without_stc) > 20
    assert without_threshold - num > 100


def change_stc(detector):
    detector.bbox_head.gate.theta = 0.95


def change_str(detector):
    detector.bbox_head.str_levels = ()


def change_channels(detector):
    detector.data_preprocessor._channel_conversion = False


def change_threshold(detector):
    detector.bbox_head.test_cfg.score_thr = 0.06


def change_small_maps(detector):
    detector.bbox_head.test_cfg.small_map_cells = 0


def change_weight(detector):
    with torch.no_grad():
        detector.bbox_head.conv_reg.bias[0] += 0.001


def change_suppression(detector):
    detector.bbox_head.test_cfg.nms.offset = 0


@pytest.mark.parametrize(
    'change',
    [
        change_stc,
        change_str,
        change_channels,
        change_threshold,
        change_small_maps,
        change_weight,
        change_suppression,
    ],
)
def test_other_detectors_are_told_apart(
    session, small_detector, noise, change
):
    other = copy.deepcopy(small_detector)
    change(other)
    found = measure_difference(session, other, noise(1, 97, 131))
    assert not all(x.within(TOLERANCE) for x in found.values())


def test_levels_and_shapes(session, noise):
    boxes, scores, levels = session.run(None, {'images': noise(2, 97, 131)})
    cells = [25 * 33, 13 * 17, 7 * 9, 4 * 5, 2 * 3, 1 * 2]
    assert np.bincount(levels).tolist() == [2 * x for x in cells]
    assert (np.diff(levels) >= 0).all()
    num = 2 * sum(cells)
    assert boxes.shape == (2, num, 4) and scores.shape == (2, num, 1)
    assert boxes.dtype == scores.dtype == np.float32


def test_what_the_file_says(exported, session, small_facts):
    assert facts_of(session) == small_facts
    (given,) = exported.graph.input
    assert given.name == 'images'
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    names = [
        x.dim_param or x.dim_value for x in given.type.tensor_type.shape.dim
    ]
    assert names == ['batch', 'height', 'width', 3]
    assert (
        'BGR' in exported.doc_string and 'postprocess' in exported.doc_string
    )


@pytest.fixture(scope='module')
def other_settings(small_config, small_facts):
    """With all else that a config may ask for: detector, model, session."""
    cfg = load_model_cfg(small_config)
    cfg.data_preprocessor.update(
        bgr_to_rgb=False, pad_size_divisor=32, pad_value=7
    )
    cfg.bbox_head.loss_cls = dict(type='CrossEntropyLoss')
    cfg.bbox_head.update(
        num_classes=3,
        separate_steps=True,
        refine_predictor=True,
        anchor_generator=dict(
            type='AnchorGenerator',
            strides=[4, 8, 16, 32, 64, 128],
            ratios=[0.5, 1.0],
            scales=[4],
        ),
        bbox_coder=dict(
            type='DeltaXYWHBBoxCoder', target_stds=[0.1, 0.1, 0.2, 0.2]
        ),
    )
    cfg.test_cfg.update(
        min_bbox_size=3, small_map_cells=0, score_thr=0.2, vote_iou=0.6
    )
    cfg.test_cfg.nms.offset = 0
    detector = scatter_weights(MODELS.build(cfg))
    facts = dataclasses.replace(
        small_facts,
        classes=list('abc'),
        nms_offset=0,
        vote_iou=0.6,
        to_rgb=False,
    )
    before = copy.deepcopy(detector.state_dict())
    model = export_onnx(detector, facts)
    after = detector.state_dict()
    assert all(torch.equal(x, after[name]) for name, x in before.items())
    assert not any(x.training for x in detector.modules())
    return detector, model, start_session(model.SerializeToString())


@pytest.mark.parametrize('size', [(1, 64, 96), (2, 45, 70)], ids=str)
def test_other_settings(other_settings, noise, size):
    """Padding, clipping, several classes of a softmax, more predictors."""
    detector, _, session = other_settings
    images = noise(*size)
    found = measure_difference(session, detector, images)
    assert all(x.within(TOLERANCE) for x in found.values()), found
    rows = np.concatenate(torch_candidates(detector, images, nms=True))
    assert set(rows[:, 5]) == {0, 1, 2}
    assert (rows[:, :4] == 0).any() and rows[:, 2].max() == size[2]


def test_several_classes_need_nms_outside(other_settings):
    _, model, session = other_settings
    with pytest.raises(ValueError, match='for one class, not 3'):
        add_nms(model, facts_of(session), 6)


@pytest.mark.parametrize('size', SIZES[1:], ids=str)
def test_nms_in_the_graph(session_nms, small_detector, noise, size):
    found = measure_difference(session_nms, small_detector, noise(*size))
    assert list(found) == ['detections']
    assert found['detections'].num > 0
    assert found['detections'].within(TOLERANCE), found


@pytest.fixture(scope='module')
def exported_nms(exported, small_detector, small_facts):
    with pytest.MonkeyPatch.context() as patch:  # tracing takes its time
        patch.setattr(
            onnx_export, '_trace', lambda graph: copy.deepcopy(exported)
        )
        return export_onnx(small_detector, small_facts, nms=True)


@pytest.fixture(scope='module')
def session_nms(exported_nms):
    return start_session(exported_nms.SerializeToString())


def test_what_a_file_with_nms_says(exported_nms, session_nms, small_facts):
    assert facts_of(session_nms) == dataclasses.replace(
        small_facts, nms_in_graph=True
    )
    names = [x.name for x in exported_nms.graph.output]
    assert names == ['boxes', 'scores', 'batch_index']
    assert 'after NMS' in exported_nms.doc_string


def test_box_voting_needs_nms_outside(exported, small_facts):
    facts = dataclasses.replace(small_facts, vote_iou=0.7)
    with pytest.raises(ValueError, match='vote_iou=0.7 .* leave --nms out'):
        add_nms(exported, facts, 6)


@pytest.mark.parametrize(('nms_pre', 'max_per_img'), [(3, 7), (-1, -1)])
def test_limits_in_the_graph(
    exported, session, small_facts, noise, nms_pre, max_per_img
):
    """They do what the ones outside do."""
    images = noise(2, 97, 131)
    facts = dataclasses.replace(
        small_facts, nms_pre=nms_pre, max_per_img=max_per_img
    )
    model = start_session(add_nms(exported, facts, 6).SerializeToString())
    boxes, scores, photo = model.run(None, {'images': images})
    candidates = session.run(None, {'images': images})
    for i, (ours, values) in enumerate(zip(*candidates[:2])):
        expected = postprocess(ours, values, candidates[2], **facts.limits)
        assert np.array_equal(boxes[photo == i], expected[0])
        assert np.array_equal(scores[photo == i], expected[1])
        if max_per_img > 0:
            assert len(expected[1]) == max_per_img
        else:
            assert len(expected[1]) > 50


def test_layers_that_hold_for_one_size(
    exported, small_detector, small_facts, monkeypatch
):
    """A file that is wrong for other sizes is not made."""
    forward = small_detector.backbone.forward

    def with_size(x):
        return [(y * x.shape[2]).sin() for y in forward(x)]

    def traced(graph):
        return exported  # which does not know

    monkeypatch.setattr(small_detector.backbone, 'forward', with_size)
    monkeypatch.setattr(onnx_export, '_trace', traced)
    with pytest.raises(
        ValueError, match='only for photos of one size.*ResNet'
    ):
        export_onnx(small_detector, small_facts)


def test_leaves_out_channels_that_are_pruned(small_config, small_facts, noise):
    cfg = load_model_cfg(small_config)
    cfg.bbox_head.norm_cfg = None
    pruned = scatter_weights(MODELS.build(cfg))
    head = pruned.bbox_head
    width = head.feat_channels
    for layer, _ in last_layers(head):
        layer.conv.weight.data[1::2] = 0
        layer.conv.bias.data[1::2] = 0
    model = export_onnx(pruned, small_facts)
    shapes = [tuple(x.dims) for x in model.graph.initializer]
    assert shapes.count((width // 2, width, 3, 3)) == 2
    assert head.conv_cls.in_channels == width
    session = start_session(model.SerializeToString())
    found = measure_difference(session, pruned, noise(1, 97, 131))
    assert found['candidates'].num > 0
    assert all(x.within(TOLERANCE) for x in found.values()), found
