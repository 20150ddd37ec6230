"""The drawn mini benchmark: truthful boxes, layout, determinism."""

import json

import cv2
import numpy as np
import pytest

from mmsrn.testing import draw_scene, synthetic_faces
from mmsrn.testing import write_synthetic_wider_face as write
from mmsrn.testing._face_painter import FacePainter, FaceStyle


def scenes(num, size):
    return [
        draw_scene(np.random.default_rng([1, i]), size) for i in range(num)
    ]


def test_same_state_same_scene():
    a, b = (draw_scene(np.random.default_rng(3), 160) for _ in range(2))
    c = draw_scene(np.random.default_rng(4), 160)
    assert all(np.array_equal(x, y) for x, y in zip(a, b))
    assert not np.array_equal(a[0], c[0])


def test_scene_contract():
    sizes = []
    for image, boxes, attributes in scenes(30, (240, 300)):
        assert image.shape == (240, 300, 3) and image.dtype == np.uint8
        assert boxes.shape == (len(boxes), 4)
        assert attributes.shape == (len(boxes), 6)
        x, y, w, h = boxes.T
        assert (boxes >= 0).all() and (w >= 4).all() and (h >= 4).all()
        assert (x + w <= 300).all() and (y + h <= 240).all()
        blur, expression, illumination, invalid, occlusion, pose = attributes.T
        assert np.isin(blur, [0, 1, 2]).all()
        assert np.isin(occlusion, [0, 1, 2]).all()
        for flags in (expression, illumination, invalid, pose):
            assert np.isin(flags, [0, 1]).all()
        # Hardly visible faces are heavily occluded ones.
        assert (occlusion[invalid == 1] == 2).all()
        assert len(set(illumination)) <= 1  # a property of the scene
        sizes.extend(np.sqrt(w * h))
    sizes = np.array(sizes)
    # Many small faces, and some of every size.
    assert len(sizes) > 120
    assert 10 <= sizes.min() < 14 and sizes.max() > 100
    assert 10 < np.median(sizes) < 40
    counts = np.histogram(sizes, [0, 16, 24, 48, 80, 300])[0]
    assert (counts > 5).all()


def test_variety():
    small = scenes(60, (110, 120))
    values = np.vstack([s[2] for s in small])
    for column, name in enumerate(synthetic_faces.ATTRIBUTES):
        top = 2 if name in ('blur', 'occlusion') else 1
        assert set(values[:, column]) == set(range(top + 1)), name
    assert any(len(s[1]) == 0 for s in small)  # scenes without a face


def test_unknown_kind():
    with pytest.raises(ValueError, match='unknown kind'):
        draw_scene(np.random.default_rng(0), 100, 'photo')


@pytest.mark.parametrize('height', [9, 14, 30, 90, 220])
def test_box_bounds_the_drawn_face(height):
    """The painted oval fills its box to within 1.5 pixels."""
    for i in range(5):
        rng = np.random.default_rng([height, i])
        style = FaceStyle.sample(rng)
        center = 150 + rng.uniform(0, 1, 2)
        patch = FacePainter(
            style, center, height, np.array([0, 0, 1.0]), 0.5
        ).paint()
        rows, cols = np.nonzero(patch.face > 0.5)
        found = [
            cols.min() + patch.x,
            rows.min() + patch.y,
            cols.max() + 1 + patch.x,
            rows.max() + 1 + patch.y,
        ]
        np.testing.assert_allclose(found, patch.box, atol=1.5)


def test_boxes_of_a_scene_bound_its_faces(monkeypatch):
    """Drawn in one flat colour each, unhidden faces fill their boxes."""
    canvases = []
    annotate = synthetic_faces._annotate

    def spy(canvas, light, sigma):
        canvases.append(canvas)
        return annotate(canvas, light, sigma)

    monkeypatch.setattr(synthetic_faces, '_annotate', spy)
    checked = 0
    for i in range(8):
        *_, boxes, attributes = draw_scene(
            np.random.default_rng([2, i]), 300, 'synthetic_group'
        )
        owner = canvases[-1].owner
        for (x, y, w, h), row in zip(boxes, attributes):
            if row[4] or x == 0 or y == 0 or x + w == 300 or y + h == 300:
                continue
            part = owner[int(y) : int(y + h), int(x) : int(x + w)]
            face = np.bincount(part[part >= 0]).argmax()
            rows, cols = np.nonzero(owner == face)
            # Dark glasses, a hat or a hair parting may hide the rim.
            assert abs(rows.max() + 1 - y - h) <= 2
            assert abs(cols.min() - x) <= 2 + 0.1 * w
            assert abs(cols.max() + 1 - x - w) <= 2 + 0.1 * w
            checked += 1
    assert checked > 8


def test_box_is_where_the_image_changes():
    """End to end: a bare white head on black fills its box."""
    rng = np.random.default_rng(0)
    style = FaceStyle.sample(rng)
    style.has_body, style.hair_style = False, 'bald'
    style.skin = (255.0, 255.0, 255.0)
    style.yaw = 1.2  # one ear lies beside the outline
    patch = FacePainter(
        style, (60.3, 70.8), 80, np.array([0, 0, 1.0]), 1.25, True
    ).paint()
    canvas = synthetic_faces.Canvas(
        np.zeros((140, 120, 3), np.uint8), np.full((140, 120), -1, np.int32)
    )
    canvas.paste(patch, 0.0, style)
    rows, cols = np.nonzero(canvas.image[..., 0] > 127)
    x1, y1, x2, y2 = patch.box
    assert abs(rows.min() - y1) <= 1.5 and abs(rows.max() + 1 - y2) <= 1.5
    assert min(abs(cols.min() - x1), abs(cols.max() + 1 - x2)) <= 1.5


def read_split(root, split):
    """An independent reader of the official layout."""
    text = root / 'wider_face_split' / f'wider_face_{split}_bbx_gt.txt'
    lines = text.read_text().splitlines()
    found, i = {}, 0
    while i < len(lines):
        name, count = lines[i], int(lines[i + 1])
        rows = lines[i + 2 : i + 2 + max(count, 1)]
        found[name] = [list(map(int, row.split())) for row in rows]
        if not count:
            assert found[name] == [[0] * 10]
        i += 2 + max(count, 1)
    return found


def test_layout(tmp_path):
    root = tmp_path / 'set'
    assert write(root, 30, 4, size=(100, 130), seed=5, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ['set']
    for split, num in (('train', 30), ('val', 4)):
        found = read_split(root, split)
        assert len(found) == num
        images = root / f'WIDER_{split}' / 'images'
        assert {
            str(p.relative_to(images)) for p in images.rglob('*.jpg')
        } == set(found)
        for name, rows in found.items():
            assert 'synthetic' in name.split('/')[0]
            image = cv2.imread(str(images / name))
            h, w = image.shape[:2]
            assert 100 <= min(h, w) and max(h, w) <= 130
            for x, y, bw, bh, *_ in rows:
                assert len(rows[0]) == 10
                assert x + bw <= w and y + bh <= h


def test_rewriting(tmp_path):
    root = tmp_path / 'set'
    args = {'num_val': 1, 'size': (60, 80), 'progress': False}
    assert write(root, 2, **args)
    before = {p: p.read_bytes() for p in root.rglob('*.jpg')}
    assert not write(root, 2, **args)  # complete: kept
    assert write(root, 3, **args)  # other parameters: drawn again
    after = {p: p.read_bytes() for p in root.rglob('*.jpg')}
    # A larger set starts with the smaller one.
    assert before.items() < after.items()
    assert (
        json.loads((root / synthetic_faces.MARKER).read_text())['num_train']
        == 3
    )


@pytest.mark.parametrize('size', [(200, 160), (0, 40)])
def test_sizes_that_are_no_range(tmp_path, size):
    with pytest.raises(ValueError, match='the smallest side comes first'):
        write(tmp_path / 'set', 1, 1, size=size)
    assert not (tmp_path / 'set').exists()


def test_foreign_folder_is_kept(tmp_path):
    (tmp_path / 'precious').write_text('data')
    with pytest.raises(FileExistsError, match='no synthetic set'):
        write(tmp_path, 1, 1, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ['precious']


def test_failure_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, 'imwrite', lambda *args: False)
    with pytest.raises(OSError, match='could not write'):
        write(tmp_path / 'set', 1, 1, progress=False)
    assert not list(tmp_path.iterdir())
