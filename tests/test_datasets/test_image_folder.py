"""Images of a folder, without annotations."""

import cv2
import numpy as np
import pytest
from mmdet.registry import DATASETS

from mmsrn.datasets import ImageFolderDataset
from mmsrn.utils import register_all_modules


@pytest.fixture
def folder(tmp_path):
    names = ('b.PNG', 'a.jpg', 'deep/er/c.webp', '.hidden.jpg', '.no/d.jpg')
    for name in names:
        path = tmp_path / 'set' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.full((20, 30, 3), 9, np.uint8)
        path.write_bytes(cv2.imencode(path.suffix.lower(), image)[1])
    (tmp_path / 'set/a.xml').write_text('')
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'set/deep').rename(tmp_path / 'elsewhere/deep')
    (tmp_path / 'set/deep').symlink_to(tmp_path / 'elsewhere/deep')
    return tmp_path / 'set'


def test_finds_images(folder):
    register_all_modules()
    dataset = DATASETS.build(
        dict(
            type='ImageFolderDataset',
            data_root=str(folder),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='RandomCrop', crop_size=(64, 16)),
                dict(type='PackDetInputs', meta_keys=('img_shape',)),
            ],
        )
    )
    names = [dataset.get_data_info(i)['img_path'] for i in range(3)]
    assert names == [
        str(folder / x) for x in ('a.jpg', 'b.PNG', 'deep/er/c.webp')
    ]
    assert len(dataset) == 3
    packed = dataset[2]
    assert packed['inputs'].shape == (3, 16, 30)
    assert packed['data_samples'].img_shape == (16, 30)


def test_part_of_it(folder):
    assert len(ImageFolderDataset(str(folder), indices=2)) == 2


def test_no_images(tmp_path):
    with pytest.raises(ValueError, match='no images'):
        ImageFolderDataset(str(tmp_path))
