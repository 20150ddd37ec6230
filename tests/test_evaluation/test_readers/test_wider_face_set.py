"""Text annotations as ground truth."""

import warnings

import numpy as np
import pytest

from mmsrn.evaluation.protocols import eval_widerface
from mmsrn.evaluation.readers import (
    EvaluationWarning,
    read_wider_face_mat,
    read_wider_face_set,
)


def test_which_faces_count(tmp_path):
    path = tmp_path / 'wider_face_x_bbx_gt.txt'
    path.write_text(
        'e/a.b.jpg\n3\n1 2 3 4 2 1 0 0 1 0\n1 2 3 4 0 0 0 1 0 0\n'
        '1 2 0 4 0 0 1 0 2 1\ne/c.png\n0\n'
    )
    found = read_wider_face_set(path)
    assert found.names == ['e/a.b', 'e/c']
    (setting,) = found.settings.values()
    assert setting.counts.tolist() == [True, False, False]
    assert setting.faces[0].tolist() == [[1, 2, 4, 6]] * 2 + [[1, 2, 1, 6]]
    assert found.attributes['blur'].tolist() == [2, 0, 0]
    assert found.attributes['pose'].tolist() == [0, 0, 1]


def test_negative_sides_are_told(tmp_path):
    text = 'e/a.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n5 6 -3 4 0 0 0 0 0 0\n'
    path = tmp_path / 'mine.txt'
    path.write_text(text)
    with pytest.warns(EvaluationWarning, match='1 faces .first: in e/a.jpg. '):
        found = read_wider_face_set(path)
    assert found.settings['all'].counts.tolist() == [True, False]
    path = tmp_path / 'wider_face_val_bbx_gt.txt'  # which has three of them
    path.write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        read_wider_face_set(path)


def test_same_faces_as_the_mat_files(shared):
    folder = shared / 'data/widerface'
    mat = read_wider_face_mat(folder / 'ground_truth')
    text = read_wider_face_set(
        folder / 'wider_face_split/wider_face_val_bbx_gt.txt'
    )
    assert sorted(text.names) == sorted(mat.names)
    faces = dict(zip(text.names, text.settings['all'].faces))
    for name, boxes in zip(mat.names, mat.settings['hard'].faces):
        assert np.array_equal(faces[name], boxes)
    counts = text.settings['all'].counts
    # All faces that count in hard, and some that do not.
    assert 39708 > counts.sum() > mat.settings['hard'].counts.sum()
    # The boxes themselves are a perfect result, but for their equal scores.
    rng = np.random.default_rng(0)
    perfect = {
        name: np.column_stack(
            [x[:, :2], x[:, 2:] - x[:, :2], rng.uniform(0.5, 1, len(x))]
        )
        for name, x in faces.items()
    }
    # But for faces drawn twice: the second box is a double.
    assert 0.99 < eval_widerface(perfect, text).ap['all'] <= 1
