"""The enhancement methods in pipelines."""

import cv2
import numpy as np
import pytest
from mmcv.transforms import Compose
from mmdet.registry import TRANSFORMS

from mmsrn import enhance
from mmsrn.datasets.transforms.enhance import __all__ as names
from mmsrn.testing.dark_scene import draw_dark_scene


@pytest.fixture(scope='module')
def image():
    return draw_dark_scene(2, (40, 60))


def test_each_method_has_one():
    methods = [TRANSFORMS.get(x).method for x in names]
    assert sorted(methods) == sorted(enhance.METHODS)


@pytest.mark.parametrize('name', names)
def test_same_as_the_function(name, image):
    transform = TRANSFORMS.build(dict(type=name))
    out = transform(dict(img=image.copy(), other=1))
    expected = enhance.METHODS[transform.method](image)
    assert (out['img'] == expected).all()
    assert out['other'] == 1


def test_in_a_pipeline(image, tmp_path):
    file = tmp_path / 'a.png'
    cv2.imwrite(str(file), image)
    pipeline = Compose(
        [
            dict(type='LoadImageFromFile'),
            dict(type='mmdet.MSRCR', form='gimp', sigmas=[2, 20]),
            dict(type='mmdet.Resize', scale=(120, 80)),
        ]
    )
    out = pipeline(dict(img_path=str(file)))['img']
    expected = enhance.msrcr(image, 'gimp', [2, 20])
    assert (out == cv2.resize(expected, (120, 80))).all()
    assert repr(pipeline.transforms[1]) == (
        "MSRCR(form='gimp', sigmas=[2, 20])"
    )


def test_errors(image):
    with pytest.raises(ValueError, match='MSRCR: form must be one of'):
        TRANSFORMS.build(dict(type='MSRCR', form='x'))
    with pytest.raises(ValueError, match='LinearGain: no parameter'):
        TRANSFORMS.build(dict(type='LinearGain', gian=2))
    gain = TRANSFORMS.build(dict(type='LinearGain'))
    with pytest.raises(ValueError, match='LinearGain: a.png: .*not float32'):
        gain(dict(img=image.astype(np.float32), img_path='a.png'))
