"""Lists of parts of DARK FACE: as the labels say, and read again."""

import numpy as np
import pytest

from mmsrn.evaluation.readers import read_dark_face
from mmsrn.evaluation.readers.dark_face_splits import own_split


@pytest.fixture
def tool(load_tool):
    return load_tool('dataset_converters/darkface_list.py')


@pytest.fixture
def data(tmp_path):
    (tmp_path / 'label').mkdir()
    for name, text in (('7', '2\n1 2 4 6\n0.5 1 3 4.25\n'), ('12', '0\n')):
        (tmp_path / f'label/{name}.txt').write_text(text)
    (tmp_path / 'mine.txt').write_text('12\n7\n')
    return tmp_path


def test_from_label_files(tool, data, capsys):
    tool.main([str(data), 'mine.txt'])
    file = data / 'split_mine.txt'
    assert file.read_text() == (
        '12.png 0\n7.png 2 1 2 3 4 1 0.5 1 2.5 3.25 1\n'
    )
    assert capsys.readouterr().out == f'{file}: 2 images, 2 faces\n'
    found = read_dark_face(file)
    assert found.names == ['12', '7']
    assert found.settings['ap'].faces[1].tolist() == [
        [1, 2, 4, 6],
        [0.5, 1, 3, 4.25],
    ]


def test_published_lists_stay(tool, data, fails):
    file = data / 'split_5500_500_val.txt'
    file.write_text('7.png 0\n')
    error = fails(tool, data, '5500_500/val')
    assert f'{file} is a published list' in error
    assert file.read_text() == '7.png 0\n'


def test_boxes_that_begin_outside(tool, data):
    (data / 'label/7.txt').write_text('1\n-3 5 10 20\n')
    tool.main([str(data), 'mine.txt'])
    found = read_dark_face(data / 'split_mine.txt')
    assert found.settings['ap'].faces[1].tolist() == [[-3, 5, 10, 20]]


def test_mistakes(tool, data, fails):
    assert 'is the input' in fails(
        tool, data, 'mine.txt', '--out', data / 'mine.txt'
    )
    assert (data / 'mine.txt').read_text() == '12\n7\n'
    assert 'must be one of 5000_1000/train' in fails(tool, data, 'test')
    assert 'has no faces for 500 of 500 images (first: 39)' in fails(
        tool, data, 'own_5500_500/val'
    )
    assert 'no such folder' in fails(
        tool, data, 'mine.txt', '--labels', 'none'
    )
    (data / 'label/7.txt').write_text('2\n1 2 4 6\n')
    assert '7.txt:1: 2 faces announced' in fails(tool, data, 'mine.txt')
    assert not (data / 'split_mine.txt').exists()


def test_own_split_of_the_real_set(tool, shared, tmp_path, capsys):
    """From the published lists, which have all faces."""
    parts = [
        (shared / f'data/darkface/split_5500_500_{x}.txt').read_text().strip()
        for x in ('train', 'val')
    ]
    (tmp_path / 'all.txt').write_text('\n'.join(parts))
    args = [str(tmp_path), 'own_5000_1000/test', '--labels', 'all.txt']
    tool.main(args)
    file = tmp_path / 'split_own_5000_1000_test.txt'
    assert '1,000 images' in capsys.readouterr().out
    found, whole = read_dark_face(file), read_dark_face(tmp_path / 'all.txt')
    assert found.names == own_split('own_5000_1000/test')
    faces = dict(zip(whole.names, whole.settings['ap'].faces))
    for name, boxes in zip(found.names, found.settings['ap'].faces):
        assert np.array_equal(boxes, faces[name])


def test_help(help_of):
    assert 'own_5500_500/val' in help_of('dataset_converters/darkface_list.py')
