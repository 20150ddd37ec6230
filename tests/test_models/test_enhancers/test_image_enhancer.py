"""The enhancer alone learns to make dark images bright."""

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample

from mmsrn.evaluation.metrics import BrightnessMetric
from mmsrn.utils import register_all_modules


@pytest.fixture
def model():
    register_all_modules()
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='ImageEnhancer',
            enhancer=dict(type='CurveEnhancer', channels=8),
        )
    )
    model.init_weights()
    return model


def dark(sizes, seed=0):
    """BGR uint8, reddish: dark gradients with noise."""
    generator = torch.Generator().manual_seed(seed)
    inputs, samples = [], []
    for height, width in sizes:
        ramp = torch.linspace(4, 40, width).expand(3, height, width)
        noise = torch.randn(3, height, width, generator=generator)
        tint = torch.tensor([0.9, 1.0, 1.2])[:, None, None]
        inputs.append((ramp * tint + noise).clamp(0, 255).byte())
        samples.append(DetDataSample(metainfo=dict(img_shape=(height, width))))
    return dict(inputs=inputs, data_samples=samples)


@torch.no_grad()
def evaluate(model, batch):
    metric = BrightnessMetric()
    samples = model.eval().val_step(batch)
    metric.process(batch, [x.to_dict() for x in samples])
    return metric.evaluate(len(samples))


def test_learns(model):
    """Brighter, towards the target, without drift in colour."""
    batch = dark([(48, 48), (40, 64)])
    before = evaluate(model, batch)
    assert before['enhance/brightness'] == pytest.approx(
        before['enhance/brightness_before'], abs=0.02
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    model.train()
    for _ in range(120):
        data = model.data_preprocessor(batch, True)
        losses = model(**data, mode='loss')
        total, _ = model.parse_losses(losses)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    after = evaluate(model, batch)
    assert after['enhance/brightness_before'] < 0.1
    assert 0.4 < after['enhance/brightness'] < 0.65  # the target is 0.6
    assert after['enhance/cast'] <= after['enhance/cast_before']


def test_predictions_have_no_padding(model):
    batch = dark([(30, 20), (16, 40)])
    samples = model.eval().val_step(batch)
    for sample, image in zip(samples, batch['inputs']):
        assert sample.enhanced.shape == sample.original.shape == image.shape
        # RGB in [0, 1] of the BGR bytes.
        torch.testing.assert_close(
            sample.original, image.flip(0).float() / 255
        )


def test_modes(model):
    data = model.data_preprocessor(dark([(16, 24)]))
    tensor = model(data['inputs'])
    torch.testing.assert_close(tensor, model.enhancer(data['inputs']))
    with pytest.raises(RuntimeError, match="no mode 'other'"):
        model(data['inputs'], mode='other')
