"""Photos of every kind come out upright, BGR and uint8."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmsrn.apis.photos import PhotoError, open_photo, read_photo

# Red, green / blue, white in BGR; lossless formats must give just this.
BGR = np.array(
    [
        [(0, 0, 255), (0, 255, 0), (10, 20, 30)],
        [(255, 0, 0), (255, 255, 255), (40, 50, 60)],
    ],
    np.uint8,
)
RGB = BGR[..., ::-1]


NOISE = cv2.imencode(
    '.jpg', np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
)[1].tobytes()


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
        (b'', 'is not an image'),
        (b'GIF89a but not really', 'is not an image'),
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
    cut.write_bytes(NOISE[: len(NOISE) // 2])
    for path in (empty, cut, tmp_path / 'missing.jpg'):
        with pytest.raises(PhotoError, match=path.name) as caught:
            read_photo(path, str(path))
        assert '\n' not in str(caught.value)
        assert str(caught.value).count(path.name) == 1


@pytest.mark.parametrize('missing', [1, 18, len(NOISE) // 2])
def test_what_there_is_of_a_jpeg(missing):
    photo, said = open_photo(NOISE[:-missing], 'x')
    assert said.startswith('is incomplete (') and '\n' not in said
    whole, nothing = open_photo(NOISE, 'x')
    assert nothing is None and photo.shape == whole.shape
    rows = 8 if missing > 18 else 40
    np.testing.assert_array_equal(photo[:rows], whole[:rows])
    with pytest.raises(PhotoError, match='^x: '):
        open_photo(NOISE[:-missing], 'x', strict=True)
    # Of other formats a part is no photo.
    with pytest.raises(PhotoError, match='^x: '):
        open_photo(encode('.png')[:-20], 'x')
    with pytest.raises(PhotoError, match='^x: '):
        open_photo(NOISE[:100], 'x')


@pytest.mark.parametrize('kind', [np.float32, np.float64])
@pytest.mark.parametrize('most', [1, 255])
@pytest.mark.parametrize('channels', [3, 1])
def test_tiff_of_floats(kind, most, channels):
    values = (BGR if channels == 3 else BGR[..., 1]).astype(kind)
    plain = [cv2.IMWRITE_TIFF_COMPRESSION, 1]  # the other one is lossy
    data = cv2.imencode('.tif', values * (most / 255), plain)[1].tobytes()
    expected = BGR if channels == 3 else np.repeat(BGR[..., 1:2], 3, 2)
    np.testing.assert_array_equal(read_photo(data, 'x'), expected)


@pytest.mark.parametrize(
    'values, words',
    [
        (np.full((4, 5), 1e6, np.float32), 'has values from 1e+06'),
        (np.full((4, 5), np.nan, np.float32), 'has values from nan'),
        (np.full((4, 5, 3), 7, np.int32), 'is an array of int32'),
    ],
)
def test_tiff_that_is_no_photo(values, words):
    with pytest.raises(PhotoError) as caught:
        read_photo(encode('.tif', values), 'x')
    assert words in str(caught.value)


def test_more_pixels_than_are_read():
    """Known from the header: 67 bytes, in no time."""
    header = struct.pack('>IIBBBBB', 65535, 65535, 8, 0, 0, 0, 0)
    chunks = [(b'IHDR', header), (b'IDAT', zlib.compress(b'')), (b'IEND', b'')]
    data = b'\x89PNG\r\n\x1a\n'
    for kind, content in chunks:
        data += struct.pack('>I', len(content)) + kind + content
        data += struct.pack('>I', zlib.crc32(kind + content))
    with pytest.raises(PhotoError, match='65535 x 65535 pixels'):
        read_photo(data, 'x')
