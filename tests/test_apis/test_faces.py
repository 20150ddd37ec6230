"""What is written can be read back."""

import csv
import json
import os
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mmsrn.apis import Faces
from mmsrn.apis.drawing import draw_faces
from mmsrn.evaluation.readers.detection_text import parse_detections


@pytest.fixture
def faces():
    return Faces(
        np.array([[10.25, 20, 60.75, 90], [100, 5, 110, 17]], np.float32),
        np.array([0.9, 0.5], np.float32),
        np.full((120, 200, 3), 80, np.uint8),
        'folder/a photo, of two.jpg',
        dict(read=0.01, enhance=0.0, detect=0.123456),
    )


def test_dict(faces):
    found = json.loads(json.dumps(faces.to_dict()))
    assert found['name'] == 'folder/a photo, of two.jpg'
    assert (found['width'], found['height']) == (200, 120)
    assert found['faces'][0] == dict(box=[10.25, 20, 60.75, 90], score=0.9)
    assert found['timing']['detect'] == 0.1235
    assert found['enhancement'] is None and len(faces) == 2


def test_texts(faces, tmp_path):
    for name in ('a.json', 'new/a.csv', 'a.txt'):
        faces.save(tmp_path / name)
    assert json.loads((tmp_path / 'a.json').read_text()) == faces.to_dict()
    with (tmp_path / 'new/a.csv').open(newline='') as file:
        rows = list(csv.reader(file))
    assert rows[0] == ['photo', 'x1', 'y1', 'x2', 'y2', 'score']
    assert rows[1] == [faces.name, '10.25', '20.0', '60.75', '90.0', '0.9']
    # By the reader of the official protocol.
    parsed = parse_detections((tmp_path / 'a.txt').read_bytes(), 'a.txt')
    assert not parsed.problem and not parsed.remark
    np.testing.assert_allclose(
        parsed.rows, [[10.25, 20, 50.5, 70, 0.9], [100, 5, 10, 12, 0.5]]
    )


def test_picture(faces, tmp_path):
    faces.save(tmp_path / 'a.png')
    picture = cv2.imread(str(tmp_path / 'a.png'))
    np.testing.assert_array_equal(picture, faces.plot())
    changed = (picture != faces.photo).any(axis=2)
    assert changed[20, 10:61].all() and changed[20:91, 61].all()
    assert changed[5:18, 100].all()
    assert not changed[40:80, 20:50].any() and not changed[:, 120:].any()
    assert (faces.photo == 80).all()


def test_no_faces(tmp_path):
    none = Faces(np.zeros((0, 4)), np.zeros(0), np.zeros((9, 9, 3), np.uint8))
    assert none.to_wider() == 'photo 0\n0\n' and none.to_rows() == []
    assert repr(none) == '<Faces of photo 0: 0 faces>'
    np.testing.assert_array_equal(none.plot(), none.photo)


def test_faces_at_the_edge():
    photo = np.zeros((50, 50, 3), np.uint8)
    boxes = np.array([[-30, -30, 90, 90], [0, 0, 49, 3]], float)
    assert draw_faces(photo, boxes, np.array([0.2, 1.0])).shape == photo.shape


def test_unknown_suffix(faces, tmp_path):
    with pytest.raises(ValueError, match='.json, .csv, .txt'):
        faces.save(tmp_path / 'a.pdf')
    assert list(tmp_path.iterdir()) == []


def test_labels_and_width():
    photo = np.full((200, 300, 3), 80, np.uint8)
    boxes, scores = np.array([[100, 100, 200, 180.0]]), np.array([0.5])
    scored = draw_faces(photo, boxes, scores)
    named = draw_faces(photo, boxes, scores, ['0.50'])
    np.testing.assert_array_equal(named, scored)
    other = draw_faces(photo, boxes, scores, ['7'])
    assert (other[:98] != scored[:98]).any()
    np.testing.assert_array_equal(other[102:], scored[102:])
    # OpenCV rounds the ends of thick lines.
    for width, rows in ((1, [180]), (5, range(177, 184))):
        column = draw_faces(photo, boxes, scores, None, width)[:, 150, 0]
        assert (np.flatnonzero(column[140:] != 80) + 140).tolist() == [*rows]


def test_picture_too_large_for_its_format(tmp_path):
    """WebP ends at 16383 pixels."""
    none = np.zeros((0, 4)), np.zeros(0)
    faces = Faces(*none, np.zeros((2, 20000, 3), np.uint8))
    with pytest.raises(
        ValueError, match='cannot encode a picture .* as .webp'
    ):
        faces.save(tmp_path / 'a.webp')
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_no_text(faces, tmp_path):
    """They are written as json has them."""
    faces = replace(faces, name=os.fsdecode(b'bad\xff.jpg'))
    for suffix in ('.csv', '.txt', '.json'):
        faces.save(tmp_path / f'a{suffix}')
        text = (tmp_path / f'a{suffix}').read_text(encoding='utf-8')
        assert 'bad\\udcff' in text
