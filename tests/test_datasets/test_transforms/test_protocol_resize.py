"""Protocols by name, and that the name is what is done."""

import numpy as np
import pytest
from mmdet.registry import TRANSFORMS

from mmsrn.utils import register_all_modules


@pytest.fixture
def resize():
    register_all_modules()

    def run(shape, **kwargs):
        transform = TRANSFORMS.build(dict(type='ProtocolResize', **kwargs))
        results = transform(
            dict(img=np.zeros((*shape, 3), np.uint8), img_shape=shape)
        )
        return results['protocol'], results['img'].shape[:2]

    return run


@pytest.mark.parametrize('shape', [(768, 1024), (1024, 300), (100, 200)])
def test_vga(resize, shape):
    protocol, size = resize(shape, scale=(640, 640))
    assert protocol == 'V: long side 640, single scale'
    assert max(size) == 640
    assert size[0] / size[1] == pytest.approx(shape[0] / shape[1], rel=0.01)


def test_large(resize):
    for scale in ((1650, 1100), (1100, 1650)):
        protocol, size = resize((768, 1024), scale=scale)
        assert protocol == 'L: within 1100x1650, single scale'
        assert size == (1100, 1467)
    assert resize((400, 1024), scale=(1650, 1100))[1] == (645, 1650)


def test_original(resize):
    protocol, size = resize((333, 777), scale_factor=1.0)
    assert protocol == 'O: original size, single scale'
    assert size == (333, 777)


@pytest.mark.parametrize(
    'arguments, protocol',
    [
        (dict(scale=(320, 320)), 'long side 320, single scale'),
        (dict(scale=800), 'long side 800, single scale'),
        (dict(scale=(1333, 800)), 'within 800x1333, single scale'),
        (dict(scale_factor=2.0), 'original size times 2, single scale'),
        (
            dict(scale_factor=(2.0, 0.5)),
            'original size times 0.5 and 2, single scale',
        ),
        (
            dict(scale=(640, 480), keep_ratio=False),
            'stretched to 480x640, single scale',
        ),
        (
            dict(scale=(640, 640), keep_ratio=False),
            'stretched to 640x640, single scale',
        ),
        # As in mmdet, scale wins.
        (
            dict(scale=(640, 640), scale_factor=1.0),
            'V: long side 640, single scale',
        ),
    ],
)
def test_others_are_described(resize, arguments, protocol):
    assert resize((60, 80), **arguments)[0] == protocol
