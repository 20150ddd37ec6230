"""Facts that come from a config."""

from pathlib import Path

import pytest
from mmdet.registry import MODELS
from mmengine.config import Config

from mmsrn.deployment.config_facts import config_facts
from mmsrn.utils import register_all_modules

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
FACEMASK = CONFIGS / 'srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'


def facts_of(config, **test_cfg):
    register_all_modules()
    cfg = Config.fromfile(config)
    cfg.model.backbone.init_cfg = None
    cfg.model.test_cfg.update(test_cfg)
    return config_facts(cfg, MODELS.build(cfg.model), 'light', 'CC0-1.0')


def test_facts():
    facts = facts_of(FACEMASK, score_thr=0.1)
    assert (facts.name, facts.license) == ('light', 'CC0-1.0')
    assert facts.classes == ['face']
    assert facts.mean == [123.675, 116.28, 103.53]  # R, G, B
    assert facts.std == [58.395, 57.12, 57.375]
    assert facts.to_rgb
    assert facts.test_scale == [640, 640]
    assert facts.theta == 0.99
    assert facts.score_thr == 0.1
    assert facts.small_map_cells == 120
    assert facts.limits == dict(
        nms_pre=6000, iou_threshold=0.5, offset=1, max_per_img=750
    )


def test_original_size():
    config = CONFIGS / 'demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
    assert facts_of(config).test_scale == []


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
        facts_of(FACEMASK, nms=nms)


def test_other_heads():
    config = (
        CONFIGS / 'retinanet/retinanet_mobilenetv2_fpn_1xb16-10e_facemask.py'
    )
    with pytest.raises(ValueError, match='a RetinaHead cannot be exported'):
        facts_of(config)


def test_head_that_was_not_told_what_a_detection_is():
    register_all_modules()
    cfg = Config.fromfile(FACEMASK)
    cfg.model.backbone.init_cfg = None
    del cfg.model['test_cfg']
    with pytest.raises(ValueError, match='no test_cfg'):
        config_facts(cfg, MODELS.build(cfg.model), 'light', 'CC0-1.0')
