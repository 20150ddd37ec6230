from types import SimpleNamespace

import pytest
import torch
from mmdet.registry import HOOKS, MODELS

from mmsrn.testing.models import load_model_cfg, random_batch


@pytest.fixture
def model(root):
    torch.manual_seed(0)
    name = 'srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
    model = MODELS.build(load_model_cfg(root / 'configs/srn' / name))
    model.init_weights()
    return model


def test_reorders_weights_and_maps_and_changes_no_result(model):
    batch = model.data_preprocessor(random_batch(size=(96, 128)), True)
    inputs = batch['inputs']
    model.eval()
    with torch.no_grad():
        want = model(inputs, mode='tensor')
    before = list(model.parameters())
    hook = HOOKS.build(dict(type='ChannelsLastHook'))
    hook.before_run(SimpleNamespace(model=model))

    # The optimizer holds these objects.
    assert all(a is b for a, b in zip(before, model.parameters(), strict=True))
    last = torch.channels_last
    kernel = model.neck.fpn_convs[0].conv.weight
    assert kernel.is_contiguous(memory_format=last)
    maps = model.extract_feat(inputs)
    assert all(x.is_contiguous(memory_format=last) for x in maps)
    with torch.no_grad():
        got = model(inputs, mode='tensor')
    for old, new in zip(want, got, strict=True):
        for a, b in zip(old, new, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
