"""Data-anchor-sampling: drawn sizes, and boxes against painted pixels."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes

from mmsrn.datasets.transforms import DataAnchorSampling, RandomSquareCrop
from mmsrn.datasets.transforms.data_anchor_sampling import part_of_resized
from mmsrn.utils import register_all_modules

SCALES = (16, 32, 64, 128, 256, 512)
FACE, GROUND, PAD = 200, 100, 7


def sample(shape, boxes=(), ignored=None):
    """Faces as bright rectangles on a darker ground."""
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    image = np.full((*shape, 3), GROUND, np.uint8)
    for x1, y1, x2, y2 in boxes.astype(int):
        image[y1:y2, x1:x2] = FACE
    if ignored is None:
        ignored = np.zeros(len(boxes), bool)
    return dict(
        img=image,
        img_shape=shape,
        gt_bboxes=HorizontalBoxes(boxes),
        gt_bboxes_labels=np.arange(len(boxes)),
        gt_ignore_flags=np.array(ignored, bool),
    )


def run(results, seed=0, **kwargs):
    np.random.seed(seed)
    return DataAnchorSampling(**dict(dict(pad_val=PAD), **kwargs))(results)


def sizes(boxes):
    """Roots of the areas."""
    x1, y1, x2, y2 = np.array(boxes, float).reshape(-1, 4).T
    return np.sqrt((x2 - x1) * (y2 - y1))


# By hand: the nearest scale, and one more, unless there is none.
@pytest.mark.parametrize(
    'side, highest',
    [
        (1, 1),
        (16, 1),
        (23.9, 1),  # nearest is 16
        (24.1, 2),  # nearest is 32
        (70, 3),
        (200, 5),  # nearest is 256, then comes 512
        (512, 5),
        (9000, 5),
    ],
)
def test_every_scale_up_to_the_next_is_drawn_alike(side, highest):
    transform = DataAnchorSampling()
    np.random.seed(0)
    drawn = np.sort([transform._target(side) for _ in range(2000)])
    assert drawn[0] >= 8 and drawn[-1] <= 2 * SCALES[highest]
    # The mixture of uniform distributions on [s / 2, 2 s].
    shares = [
        np.clip((drawn - s / 2) / (1.5 * s), 0, 1)
        for s in SCALES[: highest + 1]
    ]
    expected = np.mean(shares, axis=0)
    found = (np.arange(2000) + 0.5) / 2000
    # Kolmogorov and Smirnov: 1.95 / sqrt(n) is passed once in a thousand.
    assert abs(found - expected).max() < 1.95 / math.sqrt(2000)


def test_scales_and_sizes_can_be_chosen():
    results = run(sample((60, 80), [(20, 20, 30, 30)]), scales=(10,))
    (size,) = sizes(results['gt_bboxes'].tensor)
    assert 5 <= size <= 20
    assert results['img'].shape == (640, 640, 3)
    results = run(sample((60, 80), [(20, 20, 30, 30)]), crop_size=50)
    assert results['img_shape'] == results['img'].shape[:2] == (50, 50)


@given(
    st.integers(20, 150),
    st.integers(20, 150),
    st.integers(4, 120),
    st.integers(4, 120),
    st.integers(0, 2**32 - 1),
    st.floats(4, 300),
)
@settings(max_examples=60)
def test_the_face_gets_its_size_and_is_where_its_box_is(
    width, height, face_width, face_height, seed, target
):
    x1 = min(seed % 97, width - 4)
    y1 = min(seed % 89, height - 4)
    face = (x1, y1, min(x1 + face_width, width), min(y1 + face_height, height))
    results = sample((height, width), [face])
    transform = DataAnchorSampling(crop_size=96, clip_boxes=False, pad_val=PAD)
    transform._target = lambda side: target
    np.random.seed(seed)
    results = transform(results)
    image = results['img'][..., 0].astype(int)

    # Both sides of the image are rounded to whole pixels.
    ratio = target / sizes(face)[0]
    new = [max(round(x * ratio), 1) for x in (width, height)]
    factors = new[0] / width, new[1] / height
    assert results['scale_factor'] == factors
    wanted = np.array(face) * (*factors, *factors)
    matrix = results['homography_matrix']
    corners = np.array([[*face[:2], 1], [*face[2:], 1]]) @ matrix.T
    for box in results['gt_bboxes'].tensor.numpy():
        np.testing.assert_allclose(corners[:, :2].ravel(), box, atol=1e-2)

    big = (wanted[2:] - wanted[:2]).max() > 96
    boxes = results['gt_bboxes'].tensor.numpy()
    if len(boxes) == 0:
        assert big  # the centre of a face that fits is inside
        return
    (box,) = boxes
    offset = wanted - box
    np.testing.assert_allclose(offset, np.round(offset), atol=1e-3)
    assert offset[:2] == pytest.approx(offset[2:], abs=1e-3)
    if not big:  # whole, but for a part of a pixel
        assert (box[:2] > -1).all() and (box[2:] < 97).all()

    # Inside its box the face, around it the ground, beyond it the padding.
    left, top = offset[:2].round().astype(int)
    y, x = np.mgrid[:96, :96] + 0.5
    margin = max(*factors, 1)
    to_face = np.maximum(
        np.maximum(box[0] - x, x - box[2]), np.maximum(box[1] - y, y - box[3])
    )
    padded = (x < -left) | (x > new[0] - left)
    padded |= (y < -top) | (y > new[1] - top)
    assert (image[padded] == PAD).all()
    assert (abs(image[~padded & (to_face < -margin)] - FACE) <= 1).all()
    assert (abs(image[~padded & (to_face > margin)] - GROUND) <= 1).all()
    # A side that fits is there as a whole.
    for length, start in ((new[0], left), (new[1], top)):
        if length <= 96:
            assert length - 96 <= start <= 0


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.floats(0.05, 12),
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.uint8, np.float32]),
)
@settings(max_examples=60)
def test_a_part_is_that_of_the_whole_resized_image(
    width, height, ratio, seed, dtype
):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3)).astype(dtype)
    size = tuple(max(round(x * ratio), 1) for x in (width, height))
    x1, y1 = (int(rng.integers(x)) for x in size)
    x2, y2 = (
        int(rng.integers(low + 1, x + 1)) for low, x in zip((x1, y1), size)
    )
    shrinks = size[0] * size[1] <= width * height
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    whole = cv2.resize(image, size, interpolation=method)[y1:y2, x1:x2]
    part = part_of_resized(image, size, (x1, y1, x2, y2))
    assert part.shape == whole.shape and part.dtype == dtype
    # OpenCV's warp knows a 32nd of a pixel, of neighbours up to 255 apart.
    difference = abs(part.astype(float) - whole.astype(float)).max()
    assert difference <= 255 / 32 + 1


def test_no_large_image_is_made(monkeypatch):
    """A face of one pixel may grow 64 times."""
    made = []
    for name in ('resize', 'warpAffine'):
        original = getattr(cv2, name)

        def wrapped(*args, original=original, **kwargs):
            made.append(original(*args, **kwargs))
            return made[-1]

        monkeypatch.setattr(cv2, name, wrapped)
    shape = (1000, 1500)
    for seed, box in enumerate([(9, 9, 10, 10), (0, 0, 1500, 1000)] * 5):
        run(sample(shape, [box]), seed)
    assert len(made) == 10
    assert max(x.size for x in made) <= 3 * 1000 * 1500


def test_sides_of_the_image_that_fit():
    """An image of 100 x 400 in a square of 200, its face kept at its size."""
    face = (40, 150, 60, 170)
    found = set()
    for seed in range(300):
        results = sample((400, 100), [face])
        transform = DataAnchorSampling(crop_size=200)
        transform._target = lambda side: side
        np.random.seed(seed)
        (box,) = transform(results)['gt_bboxes'].tensor.tolist()
        found.add((40 - int(box[0]), 150 - int(box[1])))
    lefts, tops = (sorted(x) for x in zip(*found))
    # Across, the image lies anywhere; down, the square holds the face.
    assert (lefts[0], lefts[-1]) == (-100, 0)
    assert tops[0] in range(-30, -24) and tops[-1] in range(145, 151)


def test_a_face_larger_than_the_square():
    """The square lies in the face, within its 300 pixels."""
    tops = set()
    for seed in range(200):
        results = sample((500, 500), [(100, 100, 400, 400)])
        transform = DataAnchorSampling(crop_size=200, clip_boxes=False)
        transform._target = lambda side: side
        np.random.seed(seed)
        results = transform(results)
        assert (results['img'] == FACE).all()
        (box,) = results['gt_bboxes'].tensor.tolist()
        tops.add(100 - int(box[1]))
    assert min(tops) in range(100, 103) and max(tops) in range(198, 201)


def chosen(boxes, ignored, seeds=60):
    """Which faces are picked: those that get the only size there is."""
    found = set()
    for seed in range(seeds):
        results = sample((90, 90), boxes, ignored)
        transform = DataAnchorSampling(
            crop_size=450, clip_boxes=False, pad_val=PAD
        )
        transform._target = lambda side: 45.0
        np.random.seed(seed)
        results = transform(results)
        got = sizes(results['gt_bboxes'].tensor)
        found |= {
            int(label)
            for label, size in zip(results['gt_bboxes_labels'], got)
            if abs(size - 45) < 0.5
        }
    return found


def test_which_faces_are_picked():
    boxes = [(0, 0, 10, 10), (20, 20, 40, 40), (50, 50, 80, 80)]
    assert chosen(boxes, [False] * 3) == {0, 1, 2}
    assert chosen(boxes, [False, True, False]) == {0, 2}
    outside = [(-20, 5, -5, 20), (20, 20, 40, 40), (30, 30, 30, 60)]
    assert chosen(outside, [False] * 3) == {1}


@pytest.mark.parametrize('ignored', [None, [True]])
def test_no_face_that_counts(ignored):
    boxes = [] if ignored is None else [(10, 10, 20, 20)]
    corners = set()
    for seed in range(300):
        results = run(sample((30, 70), boxes, ignored), seed, crop_size=40)
        assert results['scale_factor'] == (1, 1)
        image = results['img']
        # As high as the square is the padding and the image, of 30 rows.
        rows = np.flatnonzero((image[..., 0] != PAD).all(axis=1))
        assert len(rows) == 30 and rows[-1] - rows[0] == 29
        corners.add(int(rows[0]))
        kept = len(results['gt_bboxes'])
        assert kept == len(results['gt_bboxes_labels'])
        assert results['gt_bboxes'].tensor.shape == (kept, 4)
        assert results['gt_ignore_flags'].all()
    assert corners == set(range(11))


def test_without_annotations():
    results = run(dict(img=np.zeros((30, 40), np.uint8)), crop_size=50)
    keys = {'img', 'img_shape', 'scale_factor', 'homography_matrix'}
    assert set(results) == keys
    assert results['img'].shape == (50, 50)
    assert (results['img'] == 0).sum() == 30 * 40


@given(st.integers(0, 2**32 - 1), st.sampled_from(['center', 'overlap']))
@settings(max_examples=40)
def test_labels_and_flags_go_with_their_boxes(seed, rule):
    """Each of nine faces of other shapes is known by its shape."""
    boxes = [
        (40 * i, 40 * j, 40 * i + 5 + 4 * i, 40 * j + 5 + 9 * j)
        for i in range(3)
        for j in range(3)
    ]
    ignored = [i % 2 == 1 for i in range(9)]
    results = sample((120, 120), boxes, ignored)
    source, before = results['gt_bboxes'], results['gt_bboxes'].tensor.clone()
    results = run(
        results, seed, crop_size=60, keep_rule=rule, clip_boxes=False
    )
    assert (source.tensor == before).all()  # data sets hand it out again
    labels = results['gt_bboxes_labels']
    flags = results['gt_ignore_flags'].tolist()
    assert flags == [ignored[i] for i in labels]
    factors = np.array(results['scale_factor'])
    found = results['gt_bboxes'].tensor.numpy()
    for label, box in zip(labels, found):
        x1, y1, x2, y2 = boxes[label]
        expected = np.array([x2 - x1, y2 - y1]) * factors
        np.testing.assert_allclose(box[2:] - box[:2], expected, atol=1e-3)
        centre = (box[:2] + box[2:]) / 2
        low = centre if rule == 'center' else box[:2]
        high = centre if rule == 'center' else box[2:]
        assert (high > 0).all() and (low < 60).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_seed(seed):
    boxes = [(20, 20, 30, 30), (5, 40, 11, 47)]
    first, second = (run(sample((64, 48), boxes), seed) for _ in range(2))
    np.testing.assert_array_equal(first['img'], second['img'])
    np.testing.assert_array_equal(
        first['gt_bboxes'].numpy(), second['gt_bboxes'].numpy()
    )


def test_boxes_are_clipped():
    results = sample((500, 500), [(100, 100, 400, 400)])
    transform = DataAnchorSampling(crop_size=200)
    transform._target = lambda side: side
    (box,) = transform(results)['gt_bboxes'].tensor.tolist()
    assert box == [0, 0, 200, 200]


def test_padding_of_each_channel():
    results = run(sample((10, 10)), crop_size=12, pad_val=(1, 2, 3))
    assert (results['img'] == (1, 2, 3)).all(axis=2).sum() == 44


@pytest.mark.parametrize('transform', [DataAnchorSampling, RandomSquareCrop])
@pytest.mark.parametrize('boxes', [True, False])
def test_masks_are_refused(transform, boxes):
    """Before anything is changed, and without boxes too."""
    results = dict(sample((64, 48), [(20, 20, 30, 30)]), gt_masks=None)
    if not boxes:
        del results['gt_bboxes']
    before = dict(results)
    with pytest.raises(ValueError, match='gt_masks: leave it out'):
        transform()(results)
    assert results.keys() == before.keys()
    assert all(results[key] is value for key, value in before.items())


@pytest.mark.parametrize(
    'kwargs, what',
    [
        (dict(scales=()), 'numbers, positive and rising'),
        (dict(scales=16), 'list of numbers, .* got 16'),
        (dict(scales='16'), "got '16'"),
        (dict(scales=('16', '32')), 'scales'),
        (dict(scales=(16, float('inf'))), 'scales'),
        (dict(scales=(float('nan'),)), 'scales'),
        (dict(scales=(0, 16)), 'scales'),
        (dict(scales=(32, 16)), 'scales'),
        (dict(crop_size=0), 'crop_size'),
        (dict(crop_size=True), 'whole number .* got True'),
        (dict(pad_val=256), 'pad_val must be .* or three, got 256'),
        (dict(pad_val=-1), 'pad_val'),
        (dict(pad_val=float('nan')), 'pad_val'),
        (dict(pad_val=True), 'got True'),
        (dict(pad_val=None), 'got None'),
        (dict(pad_val='0'), "got '0'"),
        (dict(pad_val=(1, 2)), r'got \(1, 2\)'),
        (dict(pad_val=(1, 2, 300)), 'pad_val'),
        (dict(crop_size=(640, 640)), r'whole number .* got \(640, 640\)'),
        (dict(keep_rule='inside'), "'overlap', got 'inside'"),
    ],
)
def test_bad_arguments(kwargs, what):
    with pytest.raises(ValueError, match=f'DataAnchorSampling: .*{what}'):
        DataAnchorSampling(**kwargs)


def test_registered():
    register_all_modules()
    cfg = dict(type='DataAnchorSampling', scales=[16, 32], crop_size=320)
    assert repr(TRANSFORMS.build(cfg)) == (
        'DataAnchorSampling(scales=(16, 32), crop_size=320, '
        "keep_rule='center', clip_boxes=True, pad_val=0)"
    )
