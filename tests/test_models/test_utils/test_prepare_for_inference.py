import copy

import pytest
import torch
from mmdet.registry import MODELS

from mmsrn.models.utils import prepare_for_inference
from mmsrn.testing.detections import assert_same_boxes
from mmsrn.testing.models import load_model_cfg, random_batch


@pytest.fixture(scope='module')
def model(root):
    torch.manual_seed(0)
    name = 'configs/_base_/models/srn_mobilenetv2_fpn.py'
    model = MODELS.build(load_model_cfg(root / name))
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):  # an identity at first
            torch.nn.init.uniform_(part.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(part.running_var, 0.5, 2)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
        elif isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    return model


def test_gives_the_same_maps_and_leaves_the_model(model):
    before = copy.deepcopy(model.state_dict())
    model.train()
    fast = prepare_for_inference(model)
    assert model.training and not fast.training
    assert model.bbox_head.inference == 'dense'
    assert fast.bbox_head.inference == 'auto'
    for name, value in model.state_dict().items():
        assert value.equal(before[name])
    assert all(x.requires_grad for x in model.bbox_head.parameters())

    assert not any(x.requires_grad for x in fast.parameters())
    kinds = {type(x) for x in fast.modules()}
    assert torch.nn.BatchNorm2d not in kinds
    image = torch.randn(1, 3, 96, 128)
    with torch.no_grad():
        wanted = model.eval()(image, mode='tensor')
        found = fast(image, mode='tensor')
    for ones, others in zip(wanted, found, strict=True):
        for one, other in zip(ones, others, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                scale = one.abs().max()
                assert other.is_contiguous(memory_format=torch.channels_last)
                assert (one - other).abs().max() < 1e-4 * scale


def test_finds_the_same_boxes(model):
    model.eval()
    torch.nn.init.normal_(model.bbox_head.conv_reg.weight, std=1e-4)
    torch.nn.init.normal_(model.bbox_head.conv_cls.weight, std=1e-3)
    torch.nn.init.constant_(model.bbox_head.conv_cls.bias, -4.0)
    data = model.data_preprocessor(random_batch(2, size=(64, 96)))
    with torch.no_grad():
        wanted = model.predict(data['inputs'], data['data_samples'])
        wanted = [x.pred_instances for x in wanted]
        fast = prepare_for_inference(model)
        found = fast.predict(data['inputs'], data['data_samples'])
    found = [x.pred_instances for x in found]
    assert min(map(len, found)) > 0
    assert_same_boxes(found, wanted, score=1e-4)


def test_other_detectors(root):
    """Those without an SRNHead are folded all the same."""
    cfg = load_model_cfg(root / 'configs/_base_/models/srn_mobilenetv2_fpn.py')
    backbone = MODELS.build(cfg.backbone)
    backbone.eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        wanted, found = backbone(image), prepare_for_inference(backbone)(image)
    for one, other in zip(wanted, found):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
