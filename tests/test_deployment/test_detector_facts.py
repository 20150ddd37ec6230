"""Facts of a detector, which come from its config."""

from pathlib import Path

import pytest
from mmdet.registry import MODELS

from mmsrn.deployment.detector_facts import detector_facts
from mmsrn.testing.models import load_model_cfg

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
FACEMASK = CONFIGS / 'srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'


def build(config=FACEMASK, **test_cfg):
    cfg = load_model_cfg(config)
    cfg.test_cfg.update(test_cfg)
    return MODELS.build(cfg)


def test_of_the_model():
    facts = detector_facts(build(score_thr=0.1, vote_iou=0.7), 'light')
    assert (facts.name, facts.licence) == ('light', '')
    assert facts.mean == [123.675, 116.28, 103.53]  # R, G, B
    assert facts.std == [58.395, 57.12, 57.375]
    assert facts.to_rgb
    assert facts.theta == 0.99
    assert facts.candidate_thr == 0.1
    assert facts.small_map_cells == 120
    assert facts.limits == dict(
        nms_pre=6000,
        iou_threshold=0.5,
        offset=1,
        max_per_img=750,
        vote_iou=0.7,
    )


def test_of_its_use():
    detector = build()
    facts = detector_facts(detector, 'light')
    assert facts.classes == ['face']
    assert (facts.test_scale, facts.score_thr) == (640, 0.3)
    facts = detector_facts(
        detector, 'light', 'CC0-1.0', ('head',), 'original', 0.5
    )
    assert (facts.licence, facts.classes) == ('CC0-1.0', ['head'])
    assert (facts.test_scale, facts.score_thr) == ('original', 0.5)


@pytest.mark.parametrize(
    'nms',
    [
        None,
        dict(type='soft_nms', iou_threshold=0.5),
        dict(type='nms', iou_threshold=0.5, max_num=3),
    ],
)
def test_other_suppression(nms):
    with pytest.raises(ValueError, match='nms=.* cannot be exported'):
        detector_facts(build(nms=nms), 'light')


def test_settings_out_of_range():
    with pytest.raises(ValueError, match='its score_thr is 2, not a number'):
        detector_facts(build(), 'light', score_thr=2)


def test_other_heads():
    config = 'retinanet/retinanet_mobilenetv2_fpn_1xb16-10e_facemask.py'
    with pytest.raises(ValueError, match='a RetinaHead cannot be exported'):
        detector_facts(build(CONFIGS / config), 'light')


def test_head_that_was_not_told_what_a_detection_is():
    cfg = load_model_cfg(FACEMASK)
    del cfg['test_cfg']
    with pytest.raises(ValueError, match='no test_cfg'):
        detector_facts(MODELS.build(cfg), 'light')
