"""Square crops against a crop by hand, box by box."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes

from mmsrn.datasets.transforms import RandomSquareCrop
from mmsrn.utils import register_all_modules

SHORT, HALF = (1.0, 1.0), (0.5, 1.0)
corner = st.integers(-10, 70)
boxes_of_faces = st.lists(
    st.tuples(corner, corner, st.integers(1, 60), st.integers(1, 60)),
    max_size=6,
)


def coordinates(height, width):
    """Image whose pixels tell where they were."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, x * y], axis=2)


def sample(shape, boxes=(), ignored=None):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    if ignored is None:
        ignored = np.zeros(len(boxes), bool)
    return dict(
        img=coordinates(*shape),
        img_shape=shape,
        gt_bboxes=HorizontalBoxes(boxes),
        gt_bboxes_labels=np.arange(len(boxes)),
        gt_ignore_flags=np.array(ignored, bool),
    )


def crop(results, seed=0, **kwargs):
    np.random.seed(seed)
    return RandomSquareCrop(**kwargs)(results)


def where(results):
    """Left, top and side, read from the pixels."""
    height, width = results['img'].shape[:2]
    assert height == width
    left, top, _ = results['img'][0, 0]
    return int(left), int(top), width


@given(
    st.tuples(st.integers(1, 64), st.integers(1, 64)),
    boxes_of_faces,
    st.integers(0, 2**32 - 1),
    st.sampled_from(['center', 'overlap']),
    st.booleans(),
    st.integers(0, 63),
)
@settings(max_examples=200)
def test_by_hand(shape, faces, seed, keep_rule, clip, flags):
    faces = [(x, y, x + w, y + h) for x, y, w, h in faces]
    ignored = [bool(flags >> i & 1) for i in range(len(faces))]
    results = crop(
        sample(shape, faces, ignored),
        seed,
        keep_rule=keep_rule,
        clip_boxes=clip,
    )
    left, top, side = where(results)
    right, bottom = left + side, top + side
    np.testing.assert_array_equal(
        results['img'], coordinates(*shape)[top:bottom, left:right]
    )
    assert results['img_shape'] == (side, side)
    assert results['img'].flags['C_CONTIGUOUS']

    boxes, labels = [], []
    for i, (x1, y1, x2, y2) in enumerate(faces):
        if keep_rule == 'center':
            across = left < (x1 + x2) / 2 < right
            down = top < (y1 + y2) / 2 < bottom
        else:
            across = min(x2, right) > max(x1, left)
            down = min(y2, bottom) > max(y1, top)
        if not (across and down):
            continue
        box = [x1 - left, y1 - top, x2 - left, y2 - top]
        boxes.append([min(max(v, 0), side) for v in box] if clip else box)
        labels.append(i)
    assert results['gt_bboxes'].tensor.tolist() == boxes
    assert results['gt_bboxes_labels'].tolist() == labels
    kept = results['gt_ignore_flags'].tolist()
    assert kept == [ignored[i] for i in labels]


@given(
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.integers(0, 2**32 - 1),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
)
def test_side_and_place(shape, seed, low, high):
    low, high = sorted((low, high))
    results = crop(sample(shape), seed, side_ranges=((low, high),))
    left, top, side = where(results)
    short = min(shape)
    assert max(round(short * low), 1) <= side <= max(round(short * high), 1)
    assert left + side <= shape[1] and top + side <= shape[0]


def test_two_patches():
    """The whole short side half of the time, else evenly down to its half."""
    image = coordinates(400, 500)
    sides = [where(crop(dict(img=image), i))[2] for i in range(600)]
    sides = np.array(sides)
    whole = (sides == 400).mean()
    assert 0.44 < whole < 0.56
    rest = sides[sides < 400]
    assert rest.min() >= 200
    shares = np.histogram(rest, [200, 250, 300, 350, 400])[0] / len(rest)
    assert (abs(shares - 0.25) < 0.08).all()


def test_every_place():
    """All of the image is used, its borders included."""
    image, half = coordinates(6, 8), ((0.5, 0.5),)
    found = {
        where(crop(dict(img=image), i, side_ranges=half)) for i in range(300)
    }
    assert found == {(x, y, 3) for x in range(6) for y in range(4)}


def forced(transform, *patches):
    """Let a transform try these patches; returns how many it has tried."""
    tried = []

    def patch(height, width):
        tried.append(patches[len(tried)])
        return tried[-1]

    transform._patch = patch
    return tried


FAR, NEAR = (0, 0, 10), (30, 30, 10)


@pytest.mark.parametrize(
    'ignored, num_tries, expected',
    [
        (False, 5, 3),  # the third patch has the face
        (False, 2, 2),  # the last one is taken, whatever it holds
        (True, 5, 5),  # a face that does not count is no reason to stop
    ],
)
def test_tries(ignored, num_tries, expected):
    transform = RandomSquareCrop(num_tries=num_tries)
    tried = forced(transform, FAR, FAR, NEAR, FAR, NEAR)
    results = transform(sample((64, 64), [(32, 32, 38, 38)], [ignored]))
    assert len(tried) == expected
    assert where(results) == tried[-1]
    kept = results['gt_bboxes'].tensor.tolist()
    assert kept == ([[2, 2, 8, 8]] if tried[-1] == NEAR else [])


@pytest.mark.parametrize('shape', [(40, 40), (1, 1), (1, 50), (50, 1)])
def test_no_faces(shape):
    results = crop(sample(shape))
    assert len(results['gt_bboxes']) == 0
    assert results['gt_bboxes'].tensor.shape == (0, 4)
    assert results['gt_bboxes_labels'].shape == (0,)
    assert results['gt_ignore_flags'].shape == (0,)
    assert where(results)[2] >= 1


def test_without_annotations():
    results = crop(dict(img=coordinates(30, 40)))
    assert set(results) == {'img', 'img_shape', 'homography_matrix'}
    results = sample((40, 40), [(1, 1, 39, 39)])
    del results['gt_ignore_flags'], results['gt_bboxes_labels']
    results = crop(results, side_ranges=(SHORT,))
    assert results['gt_bboxes'].tensor.tolist() == [[1, 1, 39, 39]]
    assert 'gt_ignore_flags' not in results


def test_plain_arrays_and_grey_images():
    results = sample((40, 40), [(1, 1, 39, 39)])
    results['gt_bboxes'] = np.array([[1, 1, 39, 39]], np.float32)
    results['img'] = results['img'][..., 2]
    results = crop(results, side_ranges=(SHORT,))
    assert results['gt_bboxes'].tolist() == [[1, 1, 39, 39]]
    assert results['img'].shape == (40, 40)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_seed(seed):
    first, second = (
        crop(sample((64, 48), [(20, 20, 30, 30)]), seed) for _ in range(2)
    )
    assert where(first) == where(second)
    np.testing.assert_array_equal(
        first['gt_bboxes'].numpy(), second['gt_bboxes'].numpy()
    )


@given(boxes_of_faces, st.integers(0, 1000))
@settings(max_examples=30)
def test_source_is_left_alone(faces, seed):
    """Data sets hand the same boxes out again."""
    assume(faces)
    results = sample((64, 64), [(x, y, x + w, y + h) for x, y, w, h in faces])
    before = results['gt_bboxes'].tensor.clone()
    boxes = results['gt_bboxes']
    crop(results, seed)
    assert (boxes.tensor == before).all()


@pytest.mark.parametrize(
    'kwargs, what',
    [
        (dict(side_ranges=()), 'side_ranges'),
        (dict(side_ranges=((0, 1),)), r'in \(0, 1\]'),
        (dict(side_ranges=((0.5, 1.5),)), r'in \(0, 1\]'),
        (dict(side_ranges=((0.9, 0.5),)), r'in \(0, 1\]'),
        (dict(keep_rule='centre'), "'overlap', got 'centre'"),
        (dict(num_tries=0), 'num_tries=0'),
    ],
)
def test_bad_arguments(kwargs, what):
    with pytest.raises(ValueError, match=f'RandomSquareCrop: .*{what}'):
        RandomSquareCrop(**kwargs)


def test_registered():
    register_all_modules()
    cfg = dict(type='RandomSquareCrop', side_ranges=(HALF,), num_tries=7)
    transform = TRANSFORMS.build(cfg)
    assert repr(transform) == (
        "RandomSquareCrop(side_ranges=((0.5, 1.0),), keep_rule='center', "
        'clip_boxes=True, num_tries=7)'
    )


def test_homography_is_that_of_the_pixels():
    """Also behind another transform that has recorded one."""
    results = sample((40, 60))
    flip = TRANSFORMS.build(dict(type='RandomFlip', prob=1.0))
    plain = crop(sample((40, 60)), seed=3, side_ranges=(HALF,))
    flipped = crop(flip(results), seed=3, side_ranges=(HALF,))
    for found, flips in ((plain, False), (flipped, True)):
        matrix = found['homography_matrix']
        assert matrix.shape == (3, 3) and matrix.dtype == np.float32
        x, y, _ = found['img'][7, 4]
        # Of points: the centre of a pixel is half a pixel in.
        inside = matrix @ [x + 0.5, y + 0.5, 1]
        np.testing.assert_allclose(inside, [4.5, 7.5, 1], atol=1e-4)
        assert (matrix[0, 0] < 0) == flips
