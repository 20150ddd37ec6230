"""The views of the published test, pixel by pixel."""

import cv2
import numpy as np
import pytest
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.dataset import pseudo_collate

from mmsrn.utils import register_all_modules

PACK = dict(
    type='PackDetInputs',
    meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor', 'flip'),
)


@pytest.fixture
def build():
    register_all_modules()

    def make(max_size=200, **kwargs):
        cfg = dict(
            type='MultiScaleTestTimeAug', max_size=max_size, transforms=[PACK]
        )
        return TRANSFORMS.build(dict(cfg, **kwargs))

    return make


def sample(height, width):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    shape = (height, width)
    boxes = HorizontalBoxes(np.array([[3, 4, 20, 30]], np.float32))
    return dict(
        img=cv2.GaussianBlur(image, (0, 0), 2),
        img_path='a.jpg',
        img_shape=shape,
        ori_shape=shape,
        gt_bboxes=boxes,
        gt_bboxes_labels=np.array([0]),
        gt_ignore_flags=np.array([False]),
    )


def images(packed):
    return [x.numpy().transpose(1, 2, 0) for x in packed['inputs']]


def test_small_image(build):
    results = sample(101, 151)
    image = results['img'].copy()
    first, flipped, half, middle, last = images(build()(results))
    assert (first == image).all() and (flipped == image[:, ::-1]).all()
    # Halves are rounded to even: 50.5 and 75.5 pixels.
    assert half.shape == (50, 76, 3) and middle.shape == (152, 226, 3)
    assert (half == cv2.resize(image, (0, 0), fx=0.5, fy=0.5)).all()
    assert (middle == cv2.resize(image, (0, 0), fx=1.5, fy=1.5)).all()
    factor = (200 * 200 / 101 / 151) ** 0.5
    assert (last == cv2.resize(image, (0, 0), fx=factor, fy=factor)).all()
    assert last.shape[0] * last.shape[1] == pytest.approx(200**2, rel=0.01)
    assert (results['img'] == image).all()


def test_large_image_is_reduced_first(build):
    results = sample(400, 500)
    ratio = (200 * 200 / 500 / 400) ** 0.5
    large = cv2.resize(results['img'], (0, 0), fx=ratio, fy=ratio)
    first, flipped, three, two = images(build()(results))
    assert (first == large).all() and (flipped == large[:, ::-1]).all()
    assert (three == cv2.resize(large, (0, 0), fx=0.75, fy=0.75)).all()
    assert (two == cv2.resize(large, (0, 0), fx=0.5, fy=0.5)).all()


def test_metainfo(build):
    samples = build()(sample(101, 151))['data_samples']
    for view in samples:
        assert view.ori_shape == (101, 151) and view.scale_factor == (1, 1)
        assert view.protocol == 'M: multi-scale and flip, max_size 200'
        assert view.img_path == 'a.jpg'
    assert [x.scale_pass.scale for x in samples][:4] == [1, 1, 0.5, 1.5]
    assert [x.flip for x in samples] == [False, True, False, False, False]
    assert samples[3].img_shape == (152, 226)
    # Once, and of the image.
    assert samples[0].gt_instances.bboxes.tensor.tolist() == [[3, 4, 20, 30]]
    assert all(len(x.gt_instances) == 0 for x in list(samples)[1:])


def test_batch_of_different_images(build):
    transform = build()
    small, large = sample(101, 151), sample(400, 500)
    batch = pseudo_collate([transform(small), transform(large)])
    assert [len(x) for x in batch['inputs']] == [5, 4]
    assert [len(x) for x in batch['data_samples']] == [5, 4]


@pytest.mark.parametrize('shape', [(1, 1), (1, 90_000), (3000, 1), (2, 3)])
def test_views_without_pixels_are_left_out(build, shape):
    """The published test would stop there."""
    packed = build()(sample(*shape))
    assert 2 <= len(packed['inputs']) == len(packed['data_samples'])
    for view in images(packed):
        assert 1 <= view.shape[0] * view.shape[1] <= 200**2 * 1.5
    assert len(build()(sample(1, 1))['inputs']) > 10


def test_gray_and_float_images(build):
    results = sample(40, 60)
    results['img'] = results['img'][..., 0].astype(np.float32) / 255
    packed = build()(results)
    assert packed['inputs'][0].shape == (1, 40, 60)
    assert packed['inputs'][2].shape == (1, 20, 30)


def test_resize_before_it(build):
    resize = TRANSFORMS.build(dict(type='Resize', scale=(60, 60)))
    results = resize(sample(101, 151))
    with pytest.raises(ValueError, match='take the resize out'):
        build()(results)
    resize = TRANSFORMS.build(dict(type='ProtocolResize', scale_factor=1.0))
    assert len(build()(resize(sample(101, 151)))['inputs']) == 5


def test_bad_argument(build):
    with pytest.raises(ValueError, match='max_size=31 is less than 32'):
        build(max_size=31)
    assert 'max_size=200, transforms=Compose' in repr(build())
