"""An enhancer in front of detectors: trained, frozen, loaded."""

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.runner import load_checkpoint
from torch import nn

from mmsrn.models import EnhancedDetector
from mmsrn.models.enhancers import BaseEnhancer
from mmsrn.testing.models import load_model_cfg, random_batch

SRN = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'


@MODELS.register_module()
class Untouched(BaseEnhancer):
    def forward(self, images):
        return images


@pytest.fixture
def detector(root):
    cfg = load_model_cfg(root / SRN)
    cfg.backbone.zero_init_residual = False
    return cfg


def build(detector, enhancer=None, **kwargs):
    torch.manual_seed(0)
    model = EnhancedDetector(
        detector=detector,
        enhancer=enhancer or dict(type='CurveEnhancer', channels=4),
        **kwargs,
    )
    model.init_weights()
    return model


def losses(model, batch=None):
    data = model.data_preprocessor(batch or random_batch(), True)
    return model(**data, mode='loss')


def step(model):
    """One step of training, through the means of mmengine."""
    from mmengine.optim import OptimWrapper

    optimizer = torch.optim.SGD(
        [x for x in model.parameters() if x.requires_grad], lr=0.01
    )
    model.train()
    return model.train_step(random_batch(), OptimWrapper(optimizer))


def weights(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def moved(module, before):
    return {
        k
        for k, v in module.named_parameters()
        if v.requires_grad and not v.equal(before[k])
    }


def test_registered(detector):
    cfg = dict(
        type='EnhancedDetector',
        detector=detector,
        enhancer=dict(type='CurveEnhancer'),
    )
    assert isinstance(MODELS.build(cfg), EnhancedDetector)


@pytest.mark.parametrize('rgb', [True, False])
@pytest.mark.parametrize('normalised', [True, False])
def test_the_enhancer_sees_rgb_without_padding(detector, rgb, normalised):
    seen = []

    class Spy(Untouched):
        def forward(self, images):
            seen.append(images)
            return images

    detector.data_preprocessor.bgr_to_rgb = rgb
    detector.data_preprocessor.pad_size_divisor = 32
    if not normalised:
        detector.data_preprocessor.mean = None
        detector.data_preprocessor.std = None
    model = build(detector, dict(type='Untouched'))
    model.enhancer = Spy()
    batch = random_batch(1, (50, 60))
    data = model.data_preprocessor(batch)
    same, none = model.enhance(data['inputs'], data['data_samples'])
    assert none == {}
    torch.testing.assert_close(same, data['inputs'], atol=2e-4, rtol=1e-5)
    (image,) = seen[0]
    expected = batch['inputs'][0].flip(0).float() / 255
    torch.testing.assert_close(image, expected, atol=1e-6, rtol=1e-5)


def test_an_enhancer_that_does_nothing_changes_nothing(detector):
    model = build(detector, dict(type='Untouched')).eval()
    with torch.no_grad():
        mine, alone = (
            x.loss(*model.data_preprocessor(random_batch()).values())
            for x in (model, model.detector)
        )
    assert mine.keys() == alone.keys()
    for name, value in alone.items():
        torch.testing.assert_close(mine[name], value, atol=1e-4, rtol=1e-3)


def test_joint_training_moves_the_enhancer(detector):
    model = build(detector)
    before = weights(model)
    log = step(model)
    names = {k for k, _ in model.enhancer.named_parameters()}
    assert moved(model.enhancer, weights_of(before, 'enhancer.')) == names
    assert any(x.startswith('detector.backbone') for x in moved(model, before))
    assert {'enhancer.loss_exposure', 'enhancer.brightness'} <= set(log)
    summed = sum(float(v) for k, v in log.items() if '.loss' in k)
    summed += sum(float(v) for k, v in log.items() if k.startswith('loss_'))
    assert float(log['loss']) == pytest.approx(summed, rel=1e-5)


def weights_of(state, prefix):
    return {
        k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)
    }


def test_the_detector_alone_teaches_it_too(detector):
    model = build(detector, dict(type='CurveEnhancer', channels=4, losses={}))
    before = weights(model.enhancer)
    step(model)
    assert moved(model.enhancer, before) == set(before)


def test_frozen_does_not_move(detector):
    model = build(detector, frozen=True)
    before = weights(model)
    log = step(model)
    after = weights(model)
    assert all(
        after[k].equal(v) for k, v in before.items() if 'enhancer.' in k
    )
    assert any(x.startswith('detector.backbone') for x in moved(model, before))
    assert model.training and not model.enhancer.training
    assert not any(x.requires_grad for x in model.enhancer.parameters())
    assert not [x for x in log if x.startswith('enhancer.')]
    data = model.data_preprocessor(random_batch())
    assert not model.enhance(data['inputs'])[0].requires_grad


def test_frozen_still_enhances(detector):
    model = build(detector, frozen=True).eval()
    data = model.data_preprocessor(random_batch())
    before, _ = model.enhance(data['inputs'])
    nn.init.constant_(model.enhancer.convs[-1].bias, 1.0)
    after, _ = model.enhance(data['inputs'])
    assert after.mean() > before.mean() + 0.1


@pytest.mark.parametrize('frozen', [True, False])
def test_weights_from_a_training_of_its_own(detector, tmp_path, frozen):
    torch.manual_seed(3)
    alone = MODELS.build(
        dict(
            type='ImageEnhancer',
            enhancer=dict(type='CurveEnhancer', channels=4),
        )
    )
    path = tmp_path / 'enhancer.pth'
    torch.save(dict(state_dict=alone.state_dict()), path)
    model = build(detector, frozen=frozen, enhancer_checkpoint=str(path))
    for name, value in alone.enhancer.state_dict().items():
        assert model.enhancer.state_dict()[name].equal(value)


def test_wrong_weights_are_refused(detector, tmp_path):
    path = tmp_path / 'wrong.pth'
    torch.save(dict(state_dict={'backbone.a': torch.ones(1)}), path)
    with pytest.raises(ValueError, match=r'wrong\.pth holds no enhancer'):
        build(detector, enhancer_checkpoint=str(path))
    torch.save(dict(state_dict={'enhancer.a': torch.ones(1)}), path)
    with pytest.raises(ValueError, match='does not fit the enhancer'):
        build(detector, enhancer_checkpoint=str(path))
    with pytest.raises(ValueError, match='cannot be read'):
        build(detector, enhancer_checkpoint=str(tmp_path / 'none.pth'))


def test_checkpoints_hold_both(detector):
    model, other = build(detector), build(detector)
    nn.init.normal_(model.enhancer.convs[0].weight)
    other.load_state_dict(model.state_dict(), strict=True)
    assert other.enhancer.convs[0].weight.equal(model.enhancer.convs[0].weight)
    prefixes = {x.split('.')[0] for x in model.state_dict()}
    assert prefixes == {'detector', 'enhancer'}


@pytest.fixture
def told(monkeypatch):
    """What the class writes to the log."""
    lines = []
    monkeypatch.setattr(
        'mmsrn.models.detectors.enhanced_detector.print_log',
        lambda text, *_: lines.append(text),
    )
    return lines


@pytest.mark.parametrize('by', ['load_from', 'torch'])
def test_checkpoint_of_a_detector_alone(detector, tmp_path, told, by):
    model, alone = build(detector), MODELS.build(detector)
    nn.init.normal_(alone.bbox_head.conv_cls.weight)
    enhancer = weights(model.enhancer)
    if by == 'torch':
        missing, unexpected = model.load_state_dict(
            alone.state_dict(), strict=False
        )
        assert not unexpected
        assert {x.split('.')[0] for x in missing} == {'enhancer'}
    else:
        path = tmp_path / 'srn.pth'
        torch.save(dict(state_dict=alone.state_dict()), path)
        load_checkpoint(model, str(path))
    for name, value in alone.state_dict().items():
        assert model.detector.state_dict()[name].equal(value), name
    assert all(
        v.equal(enhancer[k]) for k, v in weights(model.enhancer).items()
    )
    assert any('has no enhancer' in x for x in told)


def test_checkpoint_of_something_else(detector, told):
    model = build(detector)
    before = weights(model)
    model.load_state_dict({'fc.weight': torch.ones(3)}, strict=False)
    assert all(v.equal(before[k]) for k, v in weights(model).items())
    assert any('NOTHING is loaded' in x for x in told)
    told.clear()
    model.load_state_dict(model.state_dict())
    assert not told


def test_predicts(detector):
    detector.test_cfg.score_thr = 0
    model = build(detector).eval()
    for size in ((64, 96), (50, 61)):
        (sample,) = model.test_step(random_batch(1, size))
        found = sample.pred_instances
        assert len(found) and found.bboxes.shape == (len(found), 4)
    data = model.data_preprocessor(random_batch(1))
    assert isinstance(model(data['inputs']), tuple)
    enhanced, _ = model.enhance(data['inputs'])
    features = model.detector.extract_feat(enhanced)
    for mine, alone in zip(model.extract_feat(data['inputs']), features):
        torch.testing.assert_close(mine, alone)


def test_mixed_precision(detector):
    model = build(detector)
    data = model.data_preprocessor(random_batch(), True)
    with torch.autocast('cpu', torch.bfloat16):
        total, _ = model.parse_losses(model(**data, mode='loss'))
    total.backward()
    assert torch.isfinite(total)
    for x in model.enhancer.parameters():
        assert x.grad.isfinite().all() and x.grad.abs().sum() > 0


@pytest.mark.parametrize('frozen', [True, False])
def test_every_parameter_that_learns_has_a_gradient(detector, frozen):
    """As several processes without find_unused_parameters need it."""
    model = build(detector, frozen=frozen)
    total, _ = model.parse_losses(losses(model))
    total.backward()
    alone = EnhancedDetector(detector, dict(type='Untouched'))
    alone.init_weights()
    total, _ = alone.parse_losses(losses(alone))
    total.backward()
    unused = {
        k
        for k, v in model.named_parameters()
        if v.requires_grad and v.grad is None
    }
    already = {
        k
        for k, v in alone.named_parameters()
        if v.requires_grad and v.grad is None
    }
    assert unused <= already
