"""The loader of the pipelines turns every format as EXIF says."""

from pathlib import Path

import mmcv.transforms
import numpy as np
import pytest
from mmdet.registry import TRANSFORMS
from PIL import Image

import mmsrn.datasets  # noqa: F401
from mmsrn.utils.image_files import read_image

LOAD = dict(type='LoadImageFromFile')


@pytest.fixture
def photo(tmp_path):
    def make(suffix, turn=6, shape=(20, 30, 3)):
        exif = Image.Exif()
        exif[0x0112] = turn
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        path = tmp_path / f'photo{suffix}'
        Image.fromarray(pixels).save(path, exif=exif)
        return str(path)

    return make


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.tif', '.webp', '.avif'])
def test_upright(photo, suffix):
    """As the detector and the enhancement see it."""
    path = photo(suffix)
    found = TRANSFORMS.build(LOAD)(dict(img_path=path))
    assert found['img'].shape == (30, 20, 3)
    assert found['img_shape'] == found['ori_shape'] == (30, 20)
    np.testing.assert_array_equal(found['img'], read_image(Path(path)))


@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(to_float32=True),
        dict(color_type='grayscale'),
        dict(imdecode_backend='pillow'),
    ],
)
def test_all_else_as_mmcv(photo, options):
    path = photo('.jpg')
    ours = TRANSFORMS.build(LOAD | options)
    theirs = mmcv.transforms.LoadImageFromFile(**options)
    found, expected = (x(dict(img_path=path)) for x in (ours, theirs))
    assert found.keys() == expected.keys()
    np.testing.assert_array_equal(found['img'], expected['img'])
    assert found['img'].dtype == expected['img'].dtype
    assert repr(ours) == repr(theirs)


def test_what_cannot_be_read(tmp_path):
    path = tmp_path / 'a.jpg'
    load, lenient = (
        TRANSFORMS.build(LOAD | dict(ignore_empty=x)) for x in (False, True)
    )
    for content, what in ((None, 'No such file'), (b'x', 'is not an image')):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(OSError, match=f'load image: {path}: {what}'):
            load(dict(img_path=str(path)))
        assert lenient(dict(img_path=str(path))) is None
