"""Darkness as an augmentation."""

import numpy as np
import pytest
from mmdet.registry import TRANSFORMS

from mmsrn.datasets import RandomLowLight

IMAGE = np.full((24, 32, 3), 150, np.uint8)


def test_registered():
    transform = TRANSFORMS.build(
        dict(type='RandomLowLight', prob=1.0, exposure=(0.1, 0.1))
    )
    assert isinstance(transform, RandomLowLight)
    assert 'exposure=(0.1, 0.1)' in repr(transform)


@pytest.mark.parametrize('prob', [0.0, 0.3, 1.0])
def test_share_of_dark_images(prob):
    transform = RandomLowLight(prob=prob)
    np.random.seed(0)
    dark = [
        transform(dict(img=IMAGE, gt='same'))['img'].mean() < 120
        for _ in range(200)
    ]
    assert np.mean(dark) == pytest.approx(prob, abs=0.1)


def test_follows_the_seed_of_the_worker():
    transform = RandomLowLight(prob=1.0)
    images = []
    for seed in (0, 0, 1):
        np.random.seed(seed)
        images.append(transform(dict(img=IMAGE))['img'])
    np.testing.assert_array_equal(images[0], images[1])
    assert (images[0] != images[2]).any()
    assert images[0].shape == IMAGE.shape and images[0].dtype == np.uint8


def test_errors():
    with pytest.raises(ValueError, match='prob=2'):
        RandomLowLight(prob=2)
    with pytest.raises(ValueError, match='exposure'):
        RandomLowLight(exposure=(1, 0))
    with pytest.raises(TypeError, match='exposre'):
        RandomLowLight(exposre=(0, 1))
    with pytest.raises(TypeError, match='before transforms that make it fl'):
        RandomLowLight(prob=1.0)(dict(img=IMAGE.astype(np.float32)))
