"""The curve network: its layers, its curves, and what it learns."""

import pytest
import torch
from mmdet.registry import MODELS
from torch import nn
from torch.nn import functional as F

from mmsrn.models.enhancers import CurveEnhancer


def image(seed=0, size=(20, 28), n=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, *size, generator=generator)


@pytest.fixture
def enhancer():
    torch.manual_seed(0)
    model = MODELS.build(dict(type='CurveEnhancer'))
    for layer in model.convs:  # far from nothing, unlike the initial weights
        nn.init.normal_(layer.weight, std=0.1)
        nn.init.normal_(layer.bias, std=0.1)
    return model.eval()


def test_parameters_of_the_paper(enhancer):
    """32 channels, seven layers, 24 maps."""
    shapes = [tuple(x.weight.shape) for x in enhancer.convs]
    assert shapes == [
        (32, 3, 3, 3),
        *[(32, 32, 3, 3)] * 3,
        *[(32, 64, 3, 3)] * 2,
        (24, 64, 3, 3),
    ]
    assert sum(x.numel() for x in enhancer.parameters()) == 79416


def test_layers_and_curves_by_hand(enhancer):
    weights = [(x.weight, x.bias) for x in enhancer.convs]

    def conv(x, number):
        x = F.pad(x, (1, 1, 1, 1), mode='replicate')
        return F.conv2d(x, *weights[number - 1])

    x = image()
    f1 = conv(x, 1).relu()
    f2 = conv(f1, 2).relu()
    f3 = conv(f2, 3).relu()
    f4 = conv(f3, 4).relu()
    f5 = conv(torch.cat([f3, f4], 1), 5).relu()
    f6 = conv(torch.cat([f2, f5], 1), 6).relu()
    a = conv(torch.cat([f1, f6], 1), 7).tanh()
    for n in range(8):
        x = x + a[:, 3 * n : 3 * n + 3] * x * (1 - x)
    torch.testing.assert_close(enhancer(image()), x)


@pytest.mark.parametrize('downsample', [1, 4])
@pytest.mark.parametrize('size', [(1, 1), (3, 50), (33, 17)])
def test_range_and_shape(enhancer, downsample, size):
    enhancer.downsample = downsample
    images = image(size=size)
    images[:, :, 0, 0] = torch.tensor([0.0, 1.0, 0.5])
    after = enhancer(images)
    assert after.shape == images.shape and after.dtype == torch.float32
    assert 0 <= after.min() and after.max() <= 1
    assert (after[:, 0, 0, 0] == 0).all() and (after[:, 1, 0, 0] == 1).all()
    curves = enhancer.estimate(images)
    assert curves.shape == (2, 8, 3, *size) and curves.abs().max() <= 1


@pytest.mark.parametrize('size', [(16, 24), (18, 23)])
def test_downsampled_curves_by_hand(enhancer, size):
    images = image(size=size)
    small = F.adaptive_avg_pool2d(images, (size[0] // 4, size[1] // 4))
    expected = enhancer.estimate(small).flatten(1, 2)
    expected = F.interpolate(expected, size, mode='bilinear')
    enhancer.downsample = 4
    curves = enhancer.estimate(images)
    torch.testing.assert_close(curves.flatten(1, 2), expected)
    torch.testing.assert_close(enhancer(images), enhancer.bend(images, curves))


@pytest.mark.parametrize('downsample', [1, 4])
def test_no_frame_around_a_flat_image(enhancer, downsample):
    enhancer.downsample = downsample
    flat = torch.tensor([0.1, 0.2, 0.3])[:, None, None].expand(1, 3, 24, 32)
    after = enhancer(flat)
    torch.testing.assert_close(after, after[..., :1, :1].expand_as(after))


def test_losses_of_the_config():
    images = image(size=(32, 32))
    model = CurveEnhancer()
    model.init_weights()
    enhanced, found = model.loss(images)
    torch.testing.assert_close(enhanced, model(images))
    names = ('spatial', 'exposure', 'color', 'smoothness')
    assert set(found) == {*[f'loss_{x}' for x in names], 'brightness'}
    assert float(found['brightness']) == pytest.approx(float(enhanced.mean()))
    assert not found['brightness'].requires_grad
    # Fresh weights hardly change a thing.
    assert (enhanced - images).abs().max() < 0.05
    only = CurveEnhancer(
        losses=dict(bright=dict(type='ExposureControlLoss', target=0.9))
    )
    assert set(only.loss(images)[1]) == {'loss_bright', 'brightness'}
    assert set(CurveEnhancer(losses={}).loss(images)[1]) == {'brightness'}


def test_half_precision(enhancer):
    images = image(size=(32, 48))
    with torch.autocast('cpu', torch.bfloat16):
        after, found = enhancer.loss(images)
    assert after.dtype == torch.float32
    assert (after - enhancer(images)).abs().max() < 0.05
    for name, value in enhancer.loss(images)[1].items():
        assert found[name].dtype == torch.float32
        assert float(found[name]) == pytest.approx(float(value), rel=0.1)
    sum(x for k, x in found.items() if 'loss' in k).backward()
    assert all(x.grad.isfinite().all() for x in enhancer.parameters())


@pytest.mark.parametrize('name', ['channels', 'iterations', 'downsample'])
def test_impossible_numbers(name):
    with pytest.raises(ValueError, match=f'{name}=0'):
        CurveEnhancer(**{name: 0})
