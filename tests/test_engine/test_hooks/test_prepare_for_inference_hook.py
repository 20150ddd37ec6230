from types import SimpleNamespace

import torch
from mmdet.registry import HOOKS
from mmengine.model import MMDistributedDataParallel
from torch import nn

import mmsrn.engine  # noqa: F401


class Wrapper(MMDistributedDataParallel):
    """Without processes."""

    def __init__(self, module):
        nn.Module.__init__(self)
        self.module = module


def check(runner, inner):
    model = inner(runner)
    hook = HOOKS.build(dict(type='PrepareForInferenceHook'))
    hook.before_test_epoch(runner)
    assert inner(runner) is not model
    assert isinstance(inner(runner)[1], nn.Identity)
    assert isinstance(model[1], nn.BatchNorm2d)
    hook.after_test_epoch(runner)
    assert inner(runner) is model


def test_tests_a_copy():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    check(SimpleNamespace(model=model), lambda x: x.model)
    wrapped = SimpleNamespace(model=Wrapper(model))
    check(wrapped, lambda x: x.model.module)
    assert isinstance(wrapped.model, Wrapper)
    image = torch.zeros(1, 3, 2, 2)
    assert wrapped.model.module(image).shape == image.shape
