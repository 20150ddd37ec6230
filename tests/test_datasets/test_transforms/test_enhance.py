"""The enhancement methods in pipelines."""

import cv2
import numpy as np
import pytest
from mmcv.transforms import Compose
from mmdet.registry import TRANSFORMS

from demo.dark_scene import draw_dark_scene
from mmsrn import enhance
from mmsrn.datasets import Enhance


@pytest.fixture(scope='module')
def image():
    return draw_dark_scene(2, (40, 60))


@pytest.mark.parametrize('method', enhance.METHODS)
def test_same_as_the_function(method, image):
    transform = TRANSFORMS.build(dict(type='Enhance', method=method))
    out = transform(dict(img=image.copy(), other=1))
    expected = enhance.METHODS[method](image)
    assert (out['img'] == expected).all()
    assert out['other'] == 1


def test_in_a_pipeline(image, tmp_path):
    file = tmp_path / 'a.png'
    cv2.imwrite(str(file), image)
    pipeline = Compose(
        [
            dict(type='LoadImageFromFile'),
            dict(
                type='mmdet.Enhance',
                method='msrcr',
                form='gimp',
                sigmas=[2, 20],
            ),
            dict(type='mmdet.Resize', scale=(120, 80)),
        ]
    )
    out = pipeline(dict(img_path=str(file)))['img']
    expected = enhance.msrcr(image, 'gimp', [2, 20])
    assert (out == cv2.resize(expected, (120, 80))).all()
    assert repr(pipeline.transforms[1]) == (
        "Enhance(method='msrcr', form='gimp', sigmas=[2, 20])"
    )


def test_errors(image):
    with pytest.raises(ValueError, match='Enhance: msrcr: form must be one o'):
        Enhance('msrcr', form='x')
    with pytest.raises(ValueError, match='unknown parameter of linear_gain'):
        Enhance('linear_gain', gian=2)
    with pytest.raises(ValueError, match='did you mean linear_gain?'):
        Enhance('linear_gian')
    gain = Enhance('linear_gain')
    with pytest.raises(ValueError, match='Enhance: a.png: .*not float32'):
        gain(dict(img=image.astype(np.float32), img_path='a.png'))
