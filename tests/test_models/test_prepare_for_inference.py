import copy
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS, TRANSFORMS
from mmdet.structures.bbox import bbox_overlaps
from mmengine.dataset import pseudo_collate
from mmengine.runner import autocast

from mmsrn.models import prepare_for_inference
from mmsrn.models.layers import RFE
from mmsrn.models.selective import SelectiveExecution
from mmsrn.models.utils import winograd
from mmsrn.models.utils.sliced_conv import SlicedConv2d
from mmsrn.testing.detections import assert_same_boxes
from mmsrn.testing.models import load_model_cfg, random_batch

# The module: its name is that of the function.
prepare = sys.modules['mmsrn.models.prepare_for_inference']


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
    assert model.bbox_head.execution is None
    assert fast.bbox_head.execution.inference == 'auto'
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


def test_large_heads_on_a_cpu(root, monkeypatch):
    """Winograd's convolutions filter, RFE goes in bands: the same boxes."""
    torch.manual_seed(0)
    name = 'configs/_base_/models/srn_r50_fpn.py'
    model = MODELS.build(load_model_cfg(root / name)).eval()
    head = model.bbox_head
    for part in head.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    torch.nn.init.normal_(head.conv_reg.weight, std=1e-4)
    torch.nn.init.constant_(head.conv_cls.bias, -6.0)
    fast = prepare_for_inference(model)
    assert fast.bbox_head.execution.coarse_dtype == 'float32'
    assert type(fast.neck.extra_convs[0].conv) is SlicedConv2d  # C6
    assert type(model.neck.extra_convs[0].conv) is torch.nn.Conv2d
    assert head.execution is None
    monkeypatch.setattr(prepare, 'BAND_CELLS', 1000)
    sides = []
    own = winograd.winograd_conv2d
    monkeypatch.setattr(
        winograd,
        'winograd_conv2d',
        lambda x, *args: sides.append(x.shape[-2:]) or own(x, *args),
    )
    maps = [torch.randn(1, 256, 48 >> i, 64 >> i) for i in range(6)] * 2
    samples = [SimpleNamespace(metainfo=dict(img_shape=(192, 256)))]
    with torch.no_grad():
        wanted = head.predict(tuple(maps), samples)
        assert not sides
        found = fast.bbox_head.predict(tuple(maps), samples)
    assert sides == [(48, 64)] * 2  # of P2, in the first step only
    assert len(wanted[0]) > 0
    assert_same_boxes(found, wanted)


@pytest.mark.parametrize('inference', ['auto', 'dense'])
def test_small_heads_and_those_that_say_how(model, inference):
    fast = prepare_for_inference(model, inference).bbox_head
    assert fast.execution.coarse is None
    own = copy.deepcopy(model)
    own.bbox_head.execution = SelectiveExecution(
        crossover=dict(inference=0.3), coarse=dict(dtype='bfloat16')
    )
    fast = prepare_for_inference(own, inference).bbox_head
    assert fast.execution.inference == inference
    assert fast.execution.crossover['inference'] == 0.3
    assert fast.execution.coarse == dict(dtype='bfloat16')
    for part in fast.modules():
        if isinstance(part, RFE):
            assert part.band_cells == prepare.BAND_CELLS


def test_no_filter_on_demand(model, monkeypatch):
    monkeypatch.setattr(prepare, 'LEAST_CHANNELS', 64)
    found = prepare_for_inference(model).bbox_head.execution
    assert found.coarse == dict(dtype='float32')
    own = copy.deepcopy(model)
    own.bbox_head.execution = SelectiveExecution(coarse=False)
    found = prepare_for_inference(own).bbox_head.execution
    assert found.coarse is False and found.coarse_dtype is None


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


# --- with other parts --------------------------------------------------------


def spread_scores(model, head, size=(64, 96), share=0.3):
    """Let this share of the priors of P2 survive, and score apart."""
    data = model.data_preprocessor(random_batch(1, size))
    with torch.no_grad():
        maps = model.extract_feat(data['inputs'])
        first, _, second, _ = head(maps)
    # Not up to 1, where all are equal.
    scale = 3 / max(x.std() for x in (first[0], *second[:2]))
    head.conv_cls.weight.data.mul_(scale)
    edge = torch.tensor(0.01).logit()  # 1 - theta
    shift = edge - (scale * first[0]).quantile(1 - share)
    torch.nn.init.constant_(head.conv_cls.bias, shift)
    head.conv_reg.weight.data.mul_(0.02)


@pytest.fixture
def spread(model):
    """The model with scores of which some survive the first step."""
    model = copy.deepcopy(model).eval()
    torch.manual_seed(0)
    for part in model.bbox_head.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    spread_scores(model, model.bbox_head)
    model.bbox_head.test_cfg.small_map_cells = 0
    return model


def boxes(model, data):
    samples = model.test_step(copy.deepcopy(data))
    return [x.pred_instances for x in samples]


@pytest.mark.parametrize('inference', ['selective', 'auto'])
def test_multi_scale_test(spread, inference):
    """Of the model that a test with --tta --fast has."""
    tta = MODELS.build(
        dict(
            type='BBoxVotingTTAModel',
            module=spread,
            offset=0,
            keep_single=True,
        )
    ).eval()
    transform = TRANSFORMS.build(
        dict(type='MultiScaleTestTimeAug', max_size=100)
    )
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    shape = image.shape[:2]
    views = transform(
        dict(img=image, img_shape=shape, ori_shape=shape, img_path='a.jpg')
    )
    data = pseudo_collate([views])
    fast = prepare_for_inference(tta, inference)
    assert fast.module.bbox_head.execution.inference == inference
    (expected,) = boxes(tta, data)
    assert len(expected) > 20
    assert_same_boxes(boxes(fast, data), [expected], score=1e-4)


@pytest.mark.parametrize('kind', ['faster-rcnn', 'cascade-rcnn'])
def test_two_stages(root, kind):
    """SRNHead as RPN: the same proposals, and the same boxes from them."""
    name = f'configs/mixing/{kind}_r50_fpn_srn-rpn_1x_coco.py'
    cfg = load_model_cfg(root / name)
    cfg.backbone.update(depth=18, base_channels=16, stem_channels=16)
    cfg.neck.update(in_channels=[16, 32, 64, 128], out_channels=16)
    cfg.rpn_head.update(in_channels=16, feat_channels=16)
    cfg.test_cfg.rpn.max_per_img = 50
    cfg.test_cfg.rcnn.score_thr = 0.3
    roi = cfg.roi_head
    parts = (
        roi.bbox_head if isinstance(roi.bbox_head, list) else [roi.bbox_head]
    )
    for part in parts:
        part.update(in_channels=16, fc_out_channels=32, num_classes=3)
    roi.bbox_roi_extractor.out_channels = 16
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    for part in model.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    model.eval()
    spread_scores(model, model.rpn_head)
    data = random_batch(2, (64, 96))
    found = {}
    for mode in ('dense', 'selective', 'auto'):
        fast = prepare_for_inference(model, mode)
        assert fast.rpn_head.execution.inference == mode
        inputs = fast.data_preprocessor(copy.deepcopy(data))
        with torch.no_grad():
            maps = fast.extract_feat(inputs['inputs'])
            samples = inputs['data_samples']
            proposals = fast.rpn_head.predict(maps, samples, rescale=False)
        found[mode] = proposals, boxes(fast, data)
    assert_same_boxes(found['dense'][1], boxes(model, data), score=1e-3)
    for mode in ('selective', 'auto'):
        for ones, others in zip(found[mode], found['dense']):
            assert min(map(len, others)) > 5
            assert_same_boxes(ones, others, score=1e-4)


def test_enhanced_detector(spread, root):
    """The detector behind an enhancer is found, and fed by it."""
    name = 'configs/_base_/models/srn_mobilenetv2_fpn.py'
    model = MODELS.build(
        dict(
            type='EnhancedDetector',
            detector=load_model_cfg(root / name),
            enhancer=dict(type='CurveEnhancer', channels=4),
        )
    )
    torch.manual_seed(0)
    model.init_weights()
    model.detector = spread
    model.eval()
    data = random_batch(1, (64, 96))
    fast = prepare_for_inference(model)
    assert fast.detector.bbox_head.execution.inference == 'auto'
    expected = boxes(model, data)
    assert len(expected[0]) > 20
    assert_same_boxes(boxes(fast, data), expected, score=1e-4)
    # What it sees matters.
    with pytest.raises(AssertionError):
        assert_same_boxes(boxes(fast.detector, data), expected, score=1e-4)


def test_autocast(spread):
    """As test_cfg.fp16 of a test: less precise, yet about the same boxes."""
    data = random_batch(1, (64, 96))
    (expected,) = boxes(spread, data)
    fast = prepare_for_inference(spread)
    with autocast():
        (found,) = boxes(fast, data)
    assert found.bboxes.isfinite().all()
    sure = expected.scores > 0.3
    overlaps = bbox_overlaps(expected.bboxes[sure], found.bboxes)
    assert sure.sum() > 20
    assert (overlaps.amax(1) > 0.7).float().mean() > 0.9
