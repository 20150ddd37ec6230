"""Photos of every kind come out upright, BGR and uint8."""

import io

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmsrn.apis.photo_search import find_photos, holds_several
from mmsrn.apis.photos import PhotoError, read_photo

# Red, green / blue, white in BGR; lossless formats must give just this.
BGR = np.array(
    [
        [(0, 0, 255), (0, 255, 0), (10, 20, 30)],
        [(255, 0, 0), (255, 255, 255), (40, 50, 60)],
    ],
    np.uint8,
)
RGB = BGR[..., ::-1]


def encode(suffix, image=BGR):
    return cv2.imencode(suffix, image)[1].tobytes()


def pil_bytes(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize('suffix', ['.png', '.bmp', '.tif'])
def test_files(tmp_path, suffix):
    path = tmp_path / f'photo{suffix}'
    path.write_bytes(encode(suffix))
    for content in (path, str(path), path.read_bytes()):
        np.testing.assert_array_equal(read_photo(content, 'x'), BGR)


def unturned(exif_turn):
    """The stored pixels of a photo that a viewer shows as ``RGB``."""
    return {1: RGB, 3: RGB[::-1, ::-1], 6: np.rot90(RGB), 8: np.rot90(RGB, 3)}[
        exif_turn
    ]


@pytest.mark.parametrize('turn', [1, 3, 6, 8])
def test_exif(tmp_path, turn):
    image = Image.fromarray(np.ascontiguousarray(unturned(turn)))
    exif = Image.Exif()
    exif[0x0112] = turn
    data = pil_bytes(image, format='png', exif=exif)
    np.testing.assert_array_equal(read_photo(data, 'x'), BGR)
    with Image.open(io.BytesIO(data)) as opened:
        np.testing.assert_array_equal(read_photo(opened, 'x'), BGR)


@pytest.mark.parametrize(
    'content, order',
    [
        (BGR, 'bgr'),
        (RGB, 'rgb'),
        (BGR.astype(np.float32), 'bgr'),
        (BGR / 255, 'bgr'),
        (BGR.astype(np.uint16) * 257, 'bgr'),
        ((BGR.astype(np.uint16) * 257).astype('>u2'), 'bgr'),
        (np.dstack([BGR, np.full((2, 3), 7, np.uint8)]), 'bgr'),
        (np.asfortranarray(BGR), 'bgr'),
        (Image.fromarray(np.ascontiguousarray(RGB)), 'bgr'),
        (
            Image.fromarray(np.dstack([RGB, np.full((2, 3), 9, np.uint8)])),
            'bgr',
        ),
        (torch.from_numpy(RGB.transpose(2, 0, 1).copy()), 'bgr'),
        (torch.from_numpy(RGB.transpose(2, 0, 1) / 255), 'bgr'),
        (torch.from_numpy(RGB.transpose(2, 0, 1) / 255).half(), 'bgr'),
    ],
)
def test_in_memory(content, order):
    photo = read_photo(content, 'x', order)
    np.testing.assert_array_equal(photo, BGR)
    assert photo.dtype == np.uint8 and photo.flags.c_contiguous


def test_grey():
    grey = BGR[..., 1]
    expected = np.repeat(grey[..., None], 3, 2)
    deep = grey.astype(np.uint16) * 256 + 200
    contents = [
        grey,
        grey[..., None],
        deep,
        torch.from_numpy(grey.copy())[None],
        Image.fromarray(grey),
        Image.fromarray(deep),
        encode('.png', grey),
        encode('.png', deep),
        pil_bytes(Image.fromarray(deep), format='tiff'),
    ]
    for content in contents:
        np.testing.assert_array_equal(read_photo(content, 'x'), expected)


@given(st.integers(0, 65535))
def test_sixteen_bits_as_opencv_reads_them(value):
    deep = np.full((1, 1, 3), value, np.uint16)
    decoded = cv2.imdecode(
        np.frombuffer(encode('.png', deep), np.uint8), cv2.IMREAD_COLOR
    )
    np.testing.assert_array_equal(read_photo(deep, 'x'), decoded)


@pytest.mark.parametrize(
    'content, words',
    [
        (b'', 'is no image'),
        (b'GIF89a but not really', 'is no image'),
        (encode('.png')[:-20], ''),
        (np.zeros((0, 5, 3), np.uint8), 'has no pixels'),
        (np.zeros((5, 5, 2), np.uint8), 'shape (5, 5, 2)'),
        (np.zeros((5,), np.uint8), 'shape (5,)'),
        (np.zeros((5, 5, 3), bool), 'bool'),
        (np.zeros((5, 5, 3), np.int64), 'int64'),
        (np.full((5, 5, 3), np.nan), 'nan'),
        (np.full((5, 5, 3), -1.0), '-1'),
        (np.full((5, 5, 3), 256.0), '256'),
        (torch.zeros(5, 5, 3), 'shape (5, 5, 3)'),
        (7, 'is a int'),
        (None, 'is a NoneType'),
    ],
)
def test_bad_content(content, words):
    with pytest.raises(PhotoError) as caught:
        read_photo(content, 'photo 3')
    message = str(caught.value)
    assert message.startswith('photo 3: ') and words in message
    assert '\n' not in message and len(message) > len('photo 3: ')


def test_bad_files(tmp_path):
    empty = tmp_path / 'empty.jpg'
    empty.touch()
    cut = tmp_path / 'cut.jpg'
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encode('.jpg', noise)
    cut.write_bytes(data[: len(data) // 2])
    for path in (empty, cut, tmp_path / 'missing.jpg'):
        with pytest.raises(PhotoError, match=path.name) as caught:
            read_photo(path, str(path))
        assert '\n' not in str(caught.value)
        assert str(caught.value).count(path.name) == 1


@pytest.fixture
def folder(tmp_path):
    for name in ('b.jpg', 'a.PNG', 'in/c.jpg', '.hidden/d.jpg', 'note.txt'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode('.png'))
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
    path.write_bytes(encode('.png'))
    assert [x.content for x in find_photos(path)] == [path]
    assert not holds_several(path)


def test_what_only_looks_like_a_photo(tmp_path):
    (tmp_path / 'folder.jpg').mkdir()
    (tmp_path / 'folder.jpg/a.png').write_bytes(encode('.png'))
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
        ('{}/*.gif', 'no image has such a name'),
        ('{}/none', 'no images in this folder'),
    ],
)
def test_sources_without_photos(tmp_path, source, words):
    (tmp_path / 'none').mkdir()
    with pytest.raises(PhotoError, match=words):
        find_photos(source.format(tmp_path))
