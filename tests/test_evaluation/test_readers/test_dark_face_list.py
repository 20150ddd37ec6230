"""Split lists of DARK FACE: round trip, every mistake, fuzz, the real ones."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsrn.evaluation.readers import (
    AnnotationError,
    read_dark_face,
    read_dark_face_list,
    read_dark_face_names,
)

faces = st.lists(st.tuples(*[st.integers(0, 1080)] * 4), max_size=4)
names = st.lists(
    st.from_regex(r'[0-9a-z_]{1,6}', fullmatch=True), min_size=1, unique=True
)


@given(
    data=st.data(),
    names=names,
    newline=st.sampled_from(['\n', '\r\n']),
    bom=st.booleans(),
    end=st.sampled_from(['', '\n', '\r\n', '\n \n']),
    suffix=st.sampled_from(['', '.png', '.jpg']),
)
def test_round_trip(data, names, newline, bom, end, suffix, tmp_path_factory):
    boxes = [data.draw(faces) for _ in names]
    lines = [
        f'{name}{suffix} {len(x)} '
        + ' '.join(f'{" ".join(map(str, box))} 1' for box in x)
        for name, x in zip(names, boxes)
    ]
    path = tmp_path_factory.getbasetemp() / 'list.txt'
    text = newline.join(lines) + end
    path.write_bytes(text.encode('utf-8-sig' if bom else 'utf-8'))
    found = read_dark_face_list(path)
    assert found.names == names == read_dark_face_names(path)
    setting = found.settings['ap']
    assert setting.counts.tolist() == [True] * sum(map(len, boxes))
    for ours, theirs in zip(setting.faces, boxes):
        expected = [[x, y, x + w, y + h] for x, y, w, h in theirs]
        assert np.array_equal(ours, np.reshape(expected, (-1, 4)))


@pytest.mark.parametrize(
    'text, at, what',
    [
        (b'', '', 'the file is empty'),
        (b'\n\n', '', 'the file is empty'),
        (b'1.png 0\n\n2.png 0', ':2', 'name of an image, without folder, f'),
        (b'a/1.png 0', ':1', "without folder, found 'a/1.png'"),
        (b'1.png', ':1', "a number of faces after 1, found 'nothing'"),
        (b'1.png x', ':1', "a number of faces after 1, found 'x'"),
        (b'1.png -1', ':1', "a number of faces after 1, found '-1'"),
        (b'1.png 1 2 3 4 5', ':1', 'which are 5 numbers, 4 follow'),
        (b'1.png 0 2 3 4 5 1', ':1', 'which are 0 numbers, 5 follow'),
        (b'1.png 0\n2.png 1 2 3 4 5 0.9', ':2', "found '2 3 4 5 0.9'"),
        (b'1.png 1 2 3 -4 5 1', ':1', "face 1, found '2 3 -4 5 1'"),
        (b'1.png 2 2 3 4 5 1 2 3 nan 5 1', ':1', 'y w h 1 for face 2'),
        (b'1.png 0\n1.jpg 0', ':2', '1 stands in line 1 already'),
        (b'1.png 0\n\xff', '', 'byte 8 is not UTF-8'),
    ],
)
def test_malformed(tmp_path, text, at, what):
    path = tmp_path / 'list.txt'
    path.write_bytes(text)
    with pytest.raises(AnnotationError, match=re.escape(what)) as info:
        read_dark_face_list(path)
    assert str(info.value).startswith(f'{path}{at}: ')


@given(
    text=st.one_of(st.binary(max_size=40), st.text('1 .p\n').map(str.encode))
)
def test_fuzz(text, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / 'fuzz.txt'
    path.write_bytes(text)
    try:
        found = read_dark_face_list(path)
    except AnnotationError as error:
        assert str(error).startswith(str(path)) and '\n' not in str(error)
        return
    for boxes in found.settings['ap'].faces:
        assert (
            np.isfinite(boxes).all() and (boxes[:, 2:] >= boxes[:, :2]).all()
        )


def test_names_alone(tmp_path):
    path = tmp_path / 'ids.txt'
    path.write_text('12\n7.png\n')
    assert read_dark_face_names(path) == ['12', '7']
    with pytest.raises(AnnotationError, match='no such list of images'):
        read_dark_face_names(tmp_path / 'none.txt')
    with pytest.raises(AnnotationError, match='cannot be read: Is a dir'):
        read_dark_face_names(tmp_path)


def test_either_layout(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('7.png 1 1 2 3 4 1\n')
    (tmp_path / 'label').mkdir()
    (tmp_path / 'label/7.txt').write_text('1\n1 2 4 6\n')
    for file in (path, tmp_path / 'label'):
        found = read_dark_face(file)
        assert found.names == ['7']
        assert found.settings['ap'].faces[0].tolist() == [[1, 2, 4, 6]]
    with pytest.raises(AnnotationError, match='no such folder'):
        read_dark_face(tmp_path / 'none')


def test_published_lists(shared):
    """Both divide the same images, with the same faces."""
    found = {}
    for name in (
        '5000_1000_train',
        '5000_1000_test',
        '5500_500_train',
        '5500_500_val',
    ):
        read = read_dark_face_list(shared / f'data/darkface/split_{name}.txt')
        boxes = read.settings['ap'].faces
        assert read.version == f'list split_{name}.txt'
        found[name] = dict(
            zip(read.names, map(sorted, map(np.ndarray.tolist, boxes)))
        )
    counts = {
        name: (len(x), sum(map(len, x.values()))) for name, x in found.items()
    }
    assert counts == {
        '5000_1000_train': (5000, 36_733),
        '5000_1000_test': (1000, 7_116),
        '5500_500_train': (5500, 40_179),
        '5500_500_val': (500, 3_670),
    }
    one = found['5000_1000_train'] | found['5000_1000_test']
    other = found['5500_500_train'] | found['5500_500_val']
    assert one == other
    assert {int(x) for x in one} == set(range(1, 6001))
