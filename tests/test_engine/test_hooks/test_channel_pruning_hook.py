import logging
from types import SimpleNamespace

import pytest
import torch
from mmdet.registry import HOOKS, MODELS

from mmsrn.testing.models import load_model_cfg, random_batch


@pytest.fixture
def runner(root):
    torch.manual_seed(0)
    name = 'srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
    model = MODELS.build(load_model_cfg(root / 'configs/srn' / name))
    model.init_weights()
    batches = [random_batch(size=(96, 128)) for _ in range(3)]
    return SimpleNamespace(
        model=model.train(),
        train_dataloader=batches,
        iter=0,
        logger=logging.getLogger('mmsrn-test'),
    )


def alive(runner):
    head = runner.model.bbox_head
    return [
        int(x[-1].conv.weight.flatten(1).any(1).sum())
        for x in (head.cls_convs, head.reg_convs)
    ]


def test_prunes_weights_that_a_training_starts_from(runner):
    statistics = runner.model.backbone.conv1.bn.running_mean.clone()
    parameters = list(runner.model.parameters())
    hook = HOOKS.build(dict(type='ChannelPruningHook', channels=24, batches=2))
    hook.before_train(runner)
    assert alive(runner) == [24, 24]
    assert runner.model.training
    assert runner.model.backbone.conv1.bn.running_mean.equal(statistics)
    # The optimizer holds these objects.
    assert all(
        a is b
        for a, b in zip(parameters, runner.model.parameters(), strict=True)
    )


def test_leaves_a_resumed_training_alone(runner):
    runner.iter = 20
    hook = HOOKS.build(dict(type='ChannelPruningHook', channels=24))
    hook.before_train(runner)
    assert alive(runner) == [64, 64]
