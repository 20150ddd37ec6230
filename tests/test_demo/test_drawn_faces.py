"""Drawn scenes: truthful boxes and attributes, determinism."""

import numpy as np
import pytest

from demo import drawn_faces
from demo.drawn_faces import draw_scene


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
    for column, name in enumerate(drawn_faces.ATTRIBUTES):
        top = 2 if name in ('blur', 'occlusion') else 1
        assert set(values[:, column]) == set(range(top + 1)), name
    assert any(len(s[1]) == 0 for s in small)  # scenes without a face


def test_unknown_kind():
    with pytest.raises(ValueError, match='unknown scene'):
        draw_scene(np.random.default_rng(0), 100, 'photo')


@pytest.mark.parametrize('height', [9, 14, 30, 90, 220])
@pytest.mark.parametrize('roll', [0, 25, -50])
def test_box_bounds_the_drawn_face(height, roll):
    """The oval fills its box to within 1.5 pixels."""
    center = np.random.default_rng([height, roll + 90]).uniform(150, 151, 2)
    face = drawn_faces._Face(center, height, roll, 0.0, False)
    owner = np.zeros((300, 300), np.int16)
    face.oval(owner, (0, 0), (drawn_faces._ASPECT, 1), 1)
    rows, cols = np.nonzero(owner)
    found = [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(found, face.box, atol=1.5)


def test_boxes_of_a_scene_bound_its_faces(monkeypatch):
    """Unhidden faces fill their boxes."""
    owners = []
    annotate = drawn_faces._annotate

    def spy(faces, owner, sigma, gain):
        owners.append(owner)
        return annotate(faces, owner, sigma, gain)

    monkeypatch.setattr(drawn_faces, '_annotate', spy)
    checked = 0
    for i in range(8):
        *_, boxes, attributes = draw_scene(
            np.random.default_rng([2, i]), 300, 'synthetic_group'
        )
        for (x, y, w, h), row in zip(boxes, attributes):
            if row[4] or x == 0 or y == 0 or x + w == 300 or y + h == 300:
                continue
            part = owners[-1][int(y) : int(y + h), int(x) : int(x + w)]
            face = np.bincount(part[part > 0]).argmax()
            rows, cols = np.nonzero(owners[-1] == face)
            found = [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(found, [x, y, x + w, y + h], atol=2)
            checked += 1
    assert checked > 8


def test_box_is_where_the_image_changes(monkeypatch):
    """End to end: a bare white head on black fills its box."""
    for name in ('_DARK_SKIN', '_LIGHT_SKIN'):
        monkeypatch.setattr(drawn_faces, name, np.full(3, 255.0))
    for name in ('_BODY', '_HAIR'):
        monkeypatch.setattr(drawn_faces, name, ((0, 0), (0, 0)))
    face = drawn_faces._Face(np.array([60.3, 70.8]), 80, 0.0, 0.9, True)
    image = np.zeros((140, 120, 3), np.uint8)
    face.draw(image, np.random.default_rng(0), False)
    rows, cols = np.nonzero(image[..., 0] > 127)
    found = [cols.min(), cols.max() + 1, rows.max() + 1]
    x1, _, x2, y2 = face.box
    np.testing.assert_allclose(found, [x1, x2, y2], atol=1.5)
