"""Sizes from image headers, and the table they are kept in."""

import csv
import re
from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmsrn.datasets import image_sizes as module
from mmsrn.datasets.image_sizes import image_sizes, read_size_csv
from mmsrn.evaluation.readers import AnnotationError

NAMES = ['a/1.jpg', 'a/2.png', 'b/\N{SNOWMAN}, 3.jpg']


def save(path, size, **kwargs):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (*size[::-1], 3), np.uint8)
    Image.fromarray(pixels).save(path, **kwargs)


@pytest.fixture
def folder(tmp_path):
    """Images and their sizes, each a different one."""
    for i, name in enumerate(NAMES):
        save(tmp_path / 'images' / name, (30 + i, 20 + i))
    return tmp_path / 'images'


SIZES = {name: (30 + i, 20 + i) for i, name in enumerate(NAMES)}


@pytest.fixture
def opened(monkeypatch):
    """Names of the image files opened, as they are."""
    names = []
    read = module._header
    monkeypatch.setattr(
        module, '_header', lambda path: names.append(path) or read(path)
    )
    return names


def test_sizes_are_those_of_the_decoded_image(tmp_path):
    """Whatever the format; a camera on its side turns width and height."""
    exif = Image.Exif()
    names = []
    for turn in range(1, 9):
        exif[0x0112] = turn
        names.append(f'{turn}.jpg')
        save(tmp_path / names[-1], (40, 24), exif=exif)
    for suffix in ('png', 'bmp', 'webp', 'tif'):
        names.append(f'plain.{suffix}')
        save(tmp_path / names[-1], (33, 57))
    found = image_sizes(tmp_path, names)
    for name in names:
        height, width = cv2.imread(str(tmp_path / name)).shape[:2]
        assert found[name] == (width, height), name


def test_table_is_written_once_and_used(folder, tmp_path, opened):
    cache = tmp_path / 'sizes.csv'
    assert image_sizes(folder, NAMES, cache) == SIZES
    assert sorted(opened) == sorted(folder / name for name in NAMES)
    with cache.open(newline='', encoding='utf-8') as file:
        rows = {name: (int(w), int(h)) for name, w, h in csv.reader(file)}
    assert rows == SIZES == read_size_csv(cache)
    before = cache.stat()
    for path in folder.rglob('*.*'):
        path.unlink()
    some = image_sizes(folder, NAMES[1:], cache)
    assert {name: some[name] for name in NAMES[1:]} == {
        name: SIZES[name] for name in NAMES[1:]
    }
    assert len(opened) == len(NAMES)
    assert cache.stat() == before
    assert [x.name for x in tmp_path.iterdir()].count('sizes.csv') == 1
    assert len(list(tmp_path.iterdir())) == 2  # no temporary files


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'a/1.jpg,30,20\n',  # of fewer images
        b'a/1.jpg,30',  # cut off
        b'a/1.jpg,30,20\na/2.png,x,y\n',
        b'\x80PNG\0\xff\xff,1,2\n',
        b'a/1.jpg,30,20\n' + b'"' + b'x' * 200_000,
    ],
)
def test_unusable_table_is_made_anew(folder, tmp_path, opened, content):
    cache = tmp_path / 'sizes.csv'
    cache.write_bytes(content)
    assert image_sizes(folder, NAMES, cache) == SIZES
    assert len(opened) == len(NAMES)
    assert read_size_csv(cache) == SIZES


def test_unwritable_table_does_no_harm(folder, tmp_path):
    assert image_sizes(folder, NAMES, tmp_path / 'no' / 'x.csv') == SIZES


@pytest.mark.parametrize(
    'content, where, what',
    [
        (None, '', 'no such file'),
        (b'a,1\n', ':1', "expected name,width,height, found 'a,1'"),
        (b'a,1,2\nb,1,2,3\n', ':2', "found 'b,1,2,3'"),
        (b'a,1,2\r\n\r\nb,1,2.5\r\n', ':2', "found ''"),
        (b'a,1,2\nb,1,2.5\n', ':2', "found 'b,1,2.5'"),
        (b'a,1,2\n\xff,1,2\n', '', 'not a table'),
    ],
)
def test_malformed_table(tmp_path, content, where, what):
    path = tmp_path / 'sizes.csv'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AnnotationError, match=re.escape(what)) as info:
        read_size_csv(path)
    assert str(info.value).startswith(f'{path}{where}: ')


@pytest.mark.parametrize(
    'content, what',
    [
        (None, 'no such image'),
        (b'', 'not a readable image'),
        (b'<html>404</html>', 'not a readable image'),
        (b'\x89PNG\r\n\x1a\n\0\0', 'not a readable image'),
        (b'P6 65535 65535 255 ', 'not a readable image'),  # 13 GB of pixels
        (b'P6 1x 1 255 ', 'not a readable image'),
    ],
)
def test_bad_image(folder, tmp_path, content, what):
    path, cache = folder / NAMES[1], tmp_path / 'sizes.csv'
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AnnotationError, match=what) as info:
        image_sizes(folder, NAMES, cache)
    assert str(info.value).startswith(f'{path}: ')
    assert not cache.exists()


def encode(kind):
    exif, buffer = Image.Exif(), BytesIO()
    exif[0x0112] = 6
    Image.new('RGB', (9, 7)).save(buffer, kind, exif=exif)
    return buffer.getvalue()


ENCODED = {x: encode(x) for x in ('JPEG', 'PNG', 'BMP', 'GIF', 'PPM', 'WEBP')}


@pytest.mark.filterwarnings('ignore::UserWarning')
@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
@given(
    kind=st.sampled_from(sorted(ENCODED)),
    edits=st.lists(
        st.tuples(st.integers(0, 120), st.integers(0, 255)), min_size=1
    ),
    length=st.integers(0, 400),
)
def test_damaged_image(tmp_path_factory, kind, edits, length):
    """A size or a clear error, never anything else."""
    content = bytearray(ENCODED[kind])
    for at, value in edits:
        content[at % len(content)] = value
    path = tmp_path_factory.getbasetemp() / 'damaged'
    path.write_bytes(content[:length])
    try:
        ((width, height),) = image_sizes(path.parent, ['damaged']).values()
    except AnnotationError as error:
        assert str(error).startswith(f'{path}: not a readable image')
    else:
        assert width > 0 and height > 0


def test_bar_that_ends(folder, monkeypatch):
    ended = []

    def track(found, **_):
        yield from found
        ended.append(True)

    monkeypatch.setattr(module, 'track', track)
    assert image_sizes(folder, NAMES) == SIZES and ended == [True]


def test_folder_in_place_of_a_table(folder):
    with pytest.raises(AnnotationError, match='images: not a table: .*Is a d'):
        read_size_csv(folder)
