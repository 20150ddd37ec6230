"""What sources of photos stand for."""

import os

import cv2
import numpy as np
import pytest

from mmsrn.apis.photo_search import (
    find_photos,
    holds_several,
    is_address,
    search_folder,
)
from mmsrn.apis.photos import PhotoError, read_photo

BGR = np.zeros((2, 3, 3), np.uint8)
PNG = cv2.imencode('.png', BGR)[1].tobytes()


@pytest.fixture
def folder(tmp_path):
    for name in ('b.jpg', 'a.PNG', 'in/c.jpg', '.hidden/d.jpg', 'note.txt'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(PNG)
    return tmp_path


def names(source, folder):
    return [x.name.removeprefix(f'{folder}/') for x in find_photos(source)]


def test_folders_and_patterns(folder):
    assert names(folder, folder) == ['a.PNG', 'b.jpg', 'in/c.jpg']
    assert names(f'{folder}/*.jpg', folder) == ['b.jpg']
    assert names(f'{folder}/**/*.jpg', folder) == ['b.jpg', 'in/c.jpg']
    assert names(folder / 'b.jpg', folder) == ['b.jpg']
    assert holds_several(folder) and holds_several(f'{folder}/*.jpg')
    assert not holds_several(folder / 'b.jpg')


def test_names_that_look_like_patterns(tmp_path):
    """A file called so is that file."""
    path = tmp_path / 'a[1].png'
    path.write_bytes(PNG)
    assert [x.content for x in find_photos(path)] == [path]
    assert not holds_several(path)


def test_what_only_looks_like_a_photo(tmp_path):
    (tmp_path / 'folder.jpg').mkdir()
    (tmp_path / 'folder.jpg/a.png').write_bytes(PNG)
    (photo,) = find_photos(tmp_path)
    assert photo.content.name == 'a.png'
    name = 'data:image/png;base64,' + 'A' * 5000
    with pytest.raises(PhotoError):
        read_photo(find_photos(name)[0].content, 'x')


def test_lists(folder):
    photos = find_photos([BGR, str(folder), [b'x'], np.stack([BGR, BGR])])
    assert [x.name.removeprefix(f'{folder}/') for x in photos] == [
        'photo 0',
        'a.PNG',
        'b.jpg',
        'in/c.jpg',
        'photo 0',
        'photo 0',
        'photo 1',
    ]
    assert holds_several([BGR]) and holds_several(np.stack([BGR]))
    assert not holds_several(BGR) and not holds_several(b'x')
    assert find_photos([]) == []


@pytest.mark.parametrize(
    'source, words',
    [
        ('https://example.org/a.jpg', 'download'),
        ('{}/*.gif', 'no image matches this pattern'),
        ('{}/none', 'this folder has no images'),
    ],
)
def test_sources_without_photos(tmp_path, source, words):
    (tmp_path / 'none').mkdir()
    with pytest.raises(PhotoError, match=words):
        find_photos(source.format(tmp_path))


def test_every_kind_that_is_read(tmp_path):
    """And what is left out is known."""
    kinds = 'gif avif jfif JP2 webp TIFF ppm mpo'.split()
    for kind in kinds:
        (tmp_path / f'a.{kind}').touch()
    for name in ('b.heic', 'c.txt', 'd', 'e.mp4', '.hidden.txt'):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / 'pipe.jpg')  # whoever reads it would wait
    found = search_folder(str(tmp_path))
    assert {x.name for x in found.photos} == {f'a.{x}' for x in kinds}
    assert {x.name for x in found.others} == {
        *('b.heic', 'c.txt', 'd', 'e.mp4', 'pipe.jpg')
    }
    assert found.problems == []


def test_links_to_folders(tmp_path):
    (tmp_path / 'disk').mkdir()
    (tmp_path / 'disk/a.png').write_bytes(PNG)
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in/linked').symlink_to(tmp_path / 'disk')
    (tmp_path / 'in/loop').symlink_to(tmp_path / 'in')
    assert names(tmp_path / 'in', tmp_path) == ['in/linked/a.png']
    assert names(f'{tmp_path}/in/**/*.png', tmp_path) == ['in/linked/a.png']


def test_addresses():
    for source in ('http://x/y.mp4', 'rtsp://me:secret@10.0.0.7', 'RTSP://a'):
        assert is_address(source)
    for source in ('a.jpg', '/a://b', 'c:/photos', ''):
        assert not is_address(source)
