"""DARK FACE labels: round trip, every mistake, fuzz."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsrn.evaluation.readers import (
    AnnotationError,
    parse_dark_face_label,
    read_dark_face_labels,
)

numbers = st.one_of(
    st.integers(-9, 2000), st.decimals(-9, 2000, places=2).map(float)
)
boxes = st.tuples(numbers, numbers, numbers, numbers).map(
    lambda b: [*map(min, b[:2], b[2:]), *map(max, b[:2], b[2:])]
)


@given(
    faces=st.lists(boxes, max_size=5),
    newline=st.sampled_from(['\n', '\r\n']),
    bom=st.booleans(),
    end=st.sampled_from(['', '\n', '\r\n', '\n \n']),
)
def test_round_trip(faces, newline, bom, end):
    lines = [str(len(faces)), *(' '.join(map(str, x)) for x in faces)]
    text = newline.join(lines) + end
    data = text.encode('utf-8-sig' if bom else 'utf-8')
    found = parse_dark_face_label(data, 'a.txt')
    assert found.dtype == np.float64
    assert np.array_equal(found, np.reshape(faces, (-1, 4)).astype(float))


@pytest.mark.parametrize(
    'text, at, what',
    [
        (b'', 1, 'expected the number of faces, found nothing'),
        (b'\n \n', 1, 'expected the number of faces, found nothing'),
        (b'1 2 3 4\n', 1, "the number of faces, found '1 2 3 4'"),
        (b'-1\n', 1, "the number of faces, found '-1'"),
        (b'2\n1 2 3 4\n', 1, '2 faces announced, 1 lines follow'),
        (b'1\n1 2 3 4\n1 2 3 4\n', 1, '1 faces announced, 2 lines follow'),
        (b'2\n1 2 3 4\n1 2 3\n', 3, "expected x1 y1 x2 y2, found '1 2 3'"),
        (b'2\n1 2 3 4\n\n', 1, '2 faces announced, 1 lines follow'),
        (b'2\n\n1 2 3 4\n', 2, 'expected x1 y1 x2 y2'),
        (b'1\n1 2 3 4 5\n', 2, 'expected x1 y1 x2 y2'),
        (b'1\n1 2 nan 4\n', 2, 'expected x1 y1 x2 y2'),
        (b'1\n10 20 3 4\n', 2, 'x2 y2 must not be less than x1 y1'),
        (b'1\n1 2 3 \xff\n', 2, 'not UTF-8'),
        ('1\n'.encode('utf-16'), 1, 'not UTF-8'),
    ],
)
def test_malformed(text, at, what):
    with pytest.raises(AnnotationError, match=re.escape(what)) as info:
        parse_dark_face_label(text, 'a.txt')
    assert str(info.value).startswith(f'a.txt:{at}: ')


@given(st.binary(max_size=40))
def test_fuzz(data):
    try:
        found = parse_dark_face_label(data, 'a.txt')
    except AnnotationError as error:
        assert re.match(r'a\.txt:\d+: ', str(error))
        return
    assert np.isfinite(found).all() and found.shape[1:] == (4,)
    assert (found[:, 2:] >= found[:, :2]).all()


def test_folder(tmp_path):
    with pytest.raises(AnnotationError, match='has no label file'):
        read_dark_face_labels(tmp_path)
    for name in ('10', '9', '100'):
        (tmp_path / f'{name}.txt').write_text(f'1\n0 0 {name} 5\n')
    (tmp_path / '9.txt').write_text('0\n')
    found = read_dark_face_labels(tmp_path)
    assert found.names == ['9', '10', '100']
    (setting,) = found.settings.values()
    assert list(found.settings) == ['ap'] and setting.counts.tolist() == [1, 1]
    assert [x.tolist() for x in setting.faces] == [
        [],
        [[0, 0, 10, 5]],
        [[0, 0, 100, 5]],
    ]
    (tmp_path / '11.txt').write_text('1\n')
    with pytest.raises(AnnotationError, match='11.txt:1: 1 faces announced'):
        read_dark_face_labels(tmp_path)
    with pytest.raises(AnnotationError, match='is a file; the ground truth'):
        read_dark_face_labels(tmp_path / '9.txt')
    with pytest.raises(AnnotationError, match='no such folder; the ground'):
        read_dark_face_labels(tmp_path / 'none')


def test_suffix_in_capital_letters(tmp_path):
    """Images that are not counted change the number."""
    (tmp_path / '1.txt').write_text('1\n1 2 3 4\n')
    (tmp_path / '2.TXT').write_text('1\n5 6 7 8\n')
    assert read_dark_face_labels(tmp_path).names == ['1', '2']
    (tmp_path / '2.txt').write_text('0\n')
    with pytest.raises(AnnotationError, match='has two label files of 2'):
        read_dark_face_labels(tmp_path)


def test_folder_that_cannot_be_read(tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr('os.listdir', refuse)
    with pytest.raises(AnnotationError, match='cannot be read: Permission'):
        read_dark_face_labels(tmp_path)
