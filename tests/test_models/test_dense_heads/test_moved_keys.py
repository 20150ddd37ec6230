"""Old keys of train_cfg and test_cfg."""

import warnings

import pytest
from mmdet.registry import MODELS
from mmengine.config import ConfigDict

from mmsrn.models.dense_heads.moved_keys import take_moved_keys
from mmsrn.testing.models import load_model_cfg

CONFIG = 'configs/_base_/models/srn_mobilenetv2_fpn.py'
DENSE = dict(type='SelectiveExecution', inference='dense', training='dense')


@pytest.mark.parametrize(
    'train, test, moved',
    [
        (dict(forward='auto'), {}, dict(training='auto')),
        (
            dict(forward='selective', crossover=0.2),
            None,
            dict(training='selective', crossover=dict(training=0.2)),
        ),
        (None, dict(inference='auto'), dict(inference='auto')),
        (
            {},
            dict(crossover=0.4, coarse_first_step=dict(band=1)),
            dict(crossover=dict(inference=0.4), coarse=dict(band=1)),
        ),
        ({}, dict(coarse_first_step=None), dict(coarse=False)),
    ],
)
def test_where_they_go(train, test, moved):
    with pytest.warns(FutureWarning, match='write bbox_head.execution='):
        execution, *rest = take_moved_keys(None, train, test)
    assert execution == {**DENSE, **moved}
    assert rest == [x if x is None else {} for x in (train, test)]


def test_nothing_to_move():
    given = dict(inference='auto'), dict(first_step=1), dict(nms_pre=2)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        found = take_moved_keys(*given)
    assert all(x is y for x, y in zip(found, given))


def test_in_a_detector(root):
    """One warning, and the other settings stay."""
    cfg = load_model_cfg(root / CONFIG)
    cfg.train_cfg.forward = 'auto'
    cfg.test_cfg.update(inference='selective', crossover=0.3)
    before = ConfigDict(cfg)
    with pytest.warns(FutureWarning) as seen:
        head = MODELS.build(cfg).bbox_head
    assert len([x for x in seen if 'moved' in str(x.message)]) == 1
    assert cfg == before
    assert head.execution.inference == 'selective'
    assert head.execution.training == 'auto'
    assert head.execution.crossover == dict(inference=0.3, training=0.5)
    assert head.test_cfg.nms_pre == cfg.test_cfg.nms_pre
    assert 'inference' not in head.test_cfg
    assert set(head.train_cfg) == {'first_step', 'second_step'}
