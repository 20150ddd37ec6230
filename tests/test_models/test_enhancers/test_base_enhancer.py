"""Padding neither changes nor enters anything."""

import pytest
import torch
from torch import nn

from mmsrn.models.enhancers import (
    BaseEnhancer,
    CurveEnhancer,
    enhance_batch,
)

SIZES = [(20, 30), (32, 17), (20, 30), (32, 32)]


def images(pad, seed=0):
    generator = torch.Generator().manual_seed(seed)
    batch = torch.full((len(SIZES), 3, 32, 32), pad)
    for image, (height, width) in zip(batch, SIZES):
        image[:, :height, :width] = torch.rand(
            3, height, width, generator=generator
        )
    return batch


@pytest.fixture
def enhancer():
    torch.manual_seed(0)
    model = CurveEnhancer(channels=4)
    for layer in model.convs:
        nn.init.normal_(layer.weight, std=0.2)
        nn.init.normal_(layer.bias, std=0.2)
    return model


def test_as_each_image_alone(enhancer):
    batch = images(0.3)
    result, scalars = enhance_batch(enhancer, batch, SIZES, with_loss=True)
    sums = {}
    for image, after, (height, width) in zip(batch, result, SIZES):
        alone, found = enhancer.loss(image[None, :, :height, :width])
        torch.testing.assert_close(after[None, :, :height, :width], alone)
        outside = torch.ones(32, 32, dtype=torch.bool)
        outside[:height, :width] = False
        assert (after[:, outside] == 0.3).all()
        for name, value in found.items():
            sums[name] = sums.get(name, 0) + float(value) / len(SIZES)
    assert {k: float(v) for k, v in scalars.items()} == pytest.approx(
        sums, rel=1e-5
    )


def test_what_the_padding_holds_does_not_matter(enhancer):
    one, other = (
        enhance_batch(enhancer, images(x), SIZES, with_loss=True)[1]
        for x in (-2.0, 1.0)
    )
    assert {k: float(v) for k, v in one.items()} == {
        k: float(v) for k, v in other.items()
    }


def test_gradients_and_the_input(enhancer):
    batch = images(0.5)
    before = batch.clone()
    result, scalars = enhance_batch(enhancer, batch, SIZES)
    assert scalars == {}
    result.sum().backward()
    assert all(x.grad.abs().sum() > 0 for x in enhancer.parameters())
    assert batch.equal(before)


def test_values_out_of_range_are_clipped(enhancer):
    batch = images(0.0)[-1:]
    batch[:, :, 0, 0], batch[:, :, 0, 1] = 1.4, -0.2
    result, _ = enhance_batch(enhancer, batch, SIZES[-1:])
    assert (result[:, :, 0, 0] == 1).all() and (result[:, :, 0, 1] == 0).all()


def test_enhancers_of_ones_own():
    class Double(BaseEnhancer):
        def forward(self, images):
            return (2 * images).clamp(max=1)

    batch = images(0.1)
    result, scalars = enhance_batch(Double(), batch, SIZES, with_loss=True)
    assert scalars == {}
    height, width = SIZES[0]
    torch.testing.assert_close(
        result[0, :, :height, :width],
        (2 * batch[0, :, :height, :width]).clamp(max=1),
    )
