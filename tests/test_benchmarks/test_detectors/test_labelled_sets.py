"""Labels, from both layouts."""

import numpy as np
import pytest

from benchmarks.detectors.labelled_sets import folder_without_faces, read_set

CONFIG = """
test_dataloader = dict(dataset=dict(
    type='WiderFaceDataset', data_root={root!r}, ann_file='drawn_bbx_gt.txt',
    data_prefix=dict(img='images'), test_mode=True, pipeline=[]))
"""


def test_list_and_config_are_the_same(drawn_list, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(CONFIG.format(root=str(tmp_path)))
    for path, name in ((drawn_list, 'drawn'), (config, 'config')):
        found = read_set(str(path))
        assert found.name == name and found.num_faces == 3
        assert [x.path.name for x in found.photos] == [
            'a.png',
            'b.png',
            'c.png',
        ]
        assert [len(x.ignored) for x in found.photos] == [0, 1, 0]
        np.testing.assert_array_equal(
            found.photos[0].faces, [[10, 10, 40, 40], [60, 10, 90, 40]]
        )
        np.testing.assert_array_equal(
            found.photos[1].ignored, [[60, 50, 80, 70]]
        )
        assert len(read_set(str(path), limit=2).photos) == 2


def test_folder_of_the_photos(drawn_list, tmp_path):
    (tmp_path / 'images').rename(tmp_path / 'elsewhere')
    with pytest.raises(ValueError, match='gt.txt:1: there is no .*--images'):
        read_set(str(drawn_list))
    found = read_set(str(drawn_list), str(tmp_path / 'elsewhere'))
    assert all(x.path.is_file() for x in found.photos)


def test_photos_without_faces(drawn_list, tmp_path):
    found = folder_without_faces(str(tmp_path / 'images'), limit=2)
    assert found.name == 'images' and found.num_faces == 0
    assert [x.path.name for x in found.photos] == ['a.png', 'b.png']


@pytest.mark.parametrize(
    'text, words',
    [
        ('', 'the file is empty'),
        ('street/c.png\n0\n', 'no face to find.*--no-faces'),
        ('party/b.png\n1\n9 9 9 9 0 0 0 1 0 0\n', 'no face to find'),
        ('party/a.png\n1\n9 9 9\n', 'gt.txt:3: expected 10 integers'),
    ],
)
def test_lists_that_are_refused(drawn_list, text, words):
    drawn_list.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_set(str(drawn_list))


def test_configs_that_are_refused(tmp_path):
    with pytest.raises(ValueError, match='no.py: '):
        read_set(str(tmp_path / 'no.py'))
    (tmp_path / 'empty.py').write_text('a = 1')
    with pytest.raises(ValueError, match="empty.py: .*'test_dataloader'"):
        read_set(str(tmp_path / 'empty.py'))
