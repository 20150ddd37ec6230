"""The losses without references, against loops over regions and pixels."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmdet.registry import MODELS

from mmsrn.models import losses

sides = st.integers(1, 21)


def batch(height, width, seed=0, n=2):
    generator = torch.Generator().manual_seed(seed)
    images, enhanced = torch.rand(2, n, 3, height, width, generator=generator)
    curves = torch.rand(n, 4, 3, height, width, generator=generator) * 2 - 1
    return enhanced, images, curves


def region_means(image, side):
    """Mean brightness of each region of an image (3, h, w), by index."""
    _, height, width = image.shape
    rows, cols = -(-height // side), -(-width // side)
    means = np.zeros((rows, cols))
    for y, x in np.ndindex(rows, cols):
        part = image[:, y * side : (y + 1) * side, x * side : (x + 1) * side]
        means[y, x] = part.double().mean()
    return means


def spatial(enhanced, images, curves, side=4):
    found = []
    for after, before in zip(enhanced, images):
        after, before = region_means(after, side), region_means(before, side)
        total = 0.0
        for y, x in np.ndindex(*after.shape):
            for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                i, j = y + dy, x + dx
                if 0 <= i < after.shape[0] and 0 <= j < after.shape[1]:
                    step = abs(after[y, x] - after[i, j])
                    step -= abs(before[y, x] - before[i, j])
                    total += step**2
        found.append(total / after.size)
    return np.mean(found)


def exposure(enhanced, images, curves, side=16, target=0.6):
    means = [region_means(x, side) for x in enhanced]
    return np.mean([np.abs(x - target).mean() for x in means])


def color(enhanced, images, curves):
    found = []
    for image in enhanced.double():
        channels = [float(x.mean()) for x in image]
        pairs = itertools.combinations(channels, 2)
        found.append(sum((a - b) ** 2 for a, b in pairs))
    return np.mean(found)


def smoothness(enhanced, images, curves):
    found = []
    for image in curves.double().numpy():
        total = 0.0
        for curve in image:
            for channel in curve:
                height, width = channel.shape
                squares = np.zeros((height, width))
                for y, x in np.ndindex(height, width):
                    here, step = channel[y, x], 0.0
                    if x + 1 < width:
                        step += abs(channel[y, x + 1] - here)
                    if y + 1 < height:
                        step += abs(channel[y + 1, x] - here)
                    squares[y, x] = step**2
                total += squares.mean()
        found.append(total / len(image))
    return np.mean(found)


CASES = {
    'SpatialConsistencyLoss': (spatial, 1.0),
    'ExposureControlLoss': (exposure, 1.0),
    'ColorConstancyLoss': (color, 0.5),
    'IlluminationSmoothnessLoss': (smoothness, 20.0),
}


@pytest.mark.parametrize('name', CASES)
@given(height=sides, width=sides, seed=st.integers(0, 99))
def test_against_loops(name, height, width, seed):
    by_hand, weight = CASES[name]
    data = batch(height, width, seed)
    loss = getattr(losses, name)()
    assert float(loss(*data)) == pytest.approx(
        weight * by_hand(*data), rel=1e-4, abs=1e-7
    )


@pytest.mark.parametrize('name', CASES)
def test_registered_with_a_weight(name):
    data = batch(20, 30)
    one, three = (
        MODELS.build(dict(type=name, loss_weight=x))(*data) for x in (1, 3)
    )
    assert one.ndim == 0 and float(three) == pytest.approx(3 * float(one))


def test_sizes_of_regions():
    data = batch(23, 30)
    for side in (2, 8):
        assert float(
            losses.SpatialConsistencyLoss(region=side)(*data)
        ) == pytest.approx(spatial(*data, side), rel=1e-4)
        assert float(
            losses.ExposureControlLoss(target=0.3, region=side)(*data)
        ) == pytest.approx(exposure(*data, side, 0.3), rel=1e-4)
    with pytest.raises(ValueError, match='target=60'):
        losses.ExposureControlLoss(target=60)


def test_numbers_by_hand():
    grey = torch.full((1, 3, 32, 32), 0.1)
    flat = torch.zeros(1, 8, 3, 32, 32)
    assert float(
        losses.ExposureControlLoss()(grey, grey, flat)
    ) == pytest.approx(0.5)
    for name in set(CASES) - {'ExposureControlLoss'}:
        assert float(getattr(losses, name)()(grey, grey, flat)) == 0
    red = grey.clone()
    red[:, 0] = 0.3
    # Twice 0.2 squared, weighted by a half.
    assert float(
        losses.ColorConstancyLoss()(red, grey, flat)
    ) == pytest.approx(0.04)
    # A step of 0.4 in the middle of 8 regions in a row: 2 of 8 see it.
    step = grey.clone()[:, :, :4]
    step[..., 16:] = 0.5
    assert float(
        losses.SpatialConsistencyLoss()(step, grey[:, :, :4], flat)
    ) == pytest.approx(2 * 0.4**2 / 8)


@pytest.mark.parametrize('name', CASES)
def test_gradients(name):
    enhanced, images, curves = (x.double() for x in batch(6, 5, n=1))
    loss = getattr(losses, name)(loss_weight=1.0)
    enhanced.requires_grad_()
    curves.requires_grad_()

    def total(enhanced, curves):  # both, so that both have a gradient
        return loss(enhanced, images, curves) + 0 * (
            enhanced.sum() + curves.sum()
        )

    assert torch.autograd.gradcheck(total, (enhanced, curves))
