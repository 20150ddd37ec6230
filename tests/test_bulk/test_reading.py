"""Photos, read and decoded."""

import cv2
import numpy as np
import pyarrow as pa
import pytest

from mmsrn.bulk.listing import list_sources
from mmsrn.bulk.reading import DECODED, read_listing


def read(source, listing=None):
    listing = list_sources(source) if listing is None else listing
    tables = [*read_listing(listing, 'path', 'bytes', False)]
    assert all(x.schema == DECODED for x in tables)
    return pa.concat_tables(tables).to_pylist()


def pixels(row):
    shape = (row['height'], row['width'], 3)
    return np.frombuffer(row['pixels'], np.uint8).reshape(shape)


def test_files(photos):
    rows = read(photos)
    assert [x['place'] for x in rows] == list(range(5))
    for row in rows[:4]:
        assert row['error'] is None and row['read'] >= 0 < row['decode']
        np.testing.assert_array_equal(pixels(row), cv2.imread(row['path']))
    assert rows[4]['pixels'] is None
    assert rows[4]['error'].startswith('is not an image')


def test_a_file_that_went_away(photos):
    listing = list_sources(photos)
    (photos / '3.jpg').unlink()
    (row,) = [x for x in read(None, listing) if x['path'].endswith('3.jpg')]
    assert row['error'] == 'No such file or directory'


@pytest.mark.parametrize('kind', ['shard', 'table'])
def test_members_of_a_container(kind, photos, request):
    path = request.getfixturevalue(kind)
    rows = read(path)
    assert [x['member'] for x in rows] == [0, 1, 2]
    assert {x['container'] for x in rows} == {str(path)}
    start = f'{path}/' if kind == 'shard' else ''
    names = ['1.jpg', 'b/2.jpg', 'broken.jpg']
    assert [x['path'] for x in rows] == [f'{start}{x}' for x in names]
    stem = path.stem
    assert [x['text'] for x in rows] == [
        f'{stem}/{x}' for x in ('1', 'b/2', 'broken')
    ]
    image = cv2.imread(str(photos / 'b/2.jpg'))
    np.testing.assert_array_equal(pixels(rows[1]), image)
    assert rows[2]['error'].startswith('is not an image')


def test_members_that_are_done_are_left_out(shard):
    listing = list_sources(shard)
    done = pa.array([[0, 2]], pa.list_(pa.int64()))
    rows = read(None, listing.set_column(4, listing.schema.field(4), done))
    assert [x['member'] for x in rows] == [1]


def test_a_container_cut_off(shard):
    content = shard.read_bytes()
    size = len(content)
    shard.write_bytes(content[: size // 2])
    *rows, last = read(shard)
    assert [x['error'] for x in rows] == [None] * len(rows)
    assert last['error'].startswith(f'is damaged after {len(rows)} photos')
    assert (last['container'], last['path']) == (None, str(shard))


def test_columns_of_a_table(table):
    listing = list_sources(table)
    (found,) = read_listing(listing, 'path', 'jpg', False)
    (row,) = found.to_pylist()
    assert row['error'].endswith('no column jpg; there are path, bytes')
    rows = pa.concat_tables(read_listing(listing, 'name', 'bytes', False))
    assert rows['path'].to_pylist() == [f'{table}#{i}' for i in range(3)]


@pytest.mark.parametrize('strict', [False, True])
def test_a_photo_cut_off(photos, strict):
    path = photos / '3.jpg'
    path.write_bytes(path.read_bytes()[:-400])
    (table,) = read_listing(list_sources(path), 'path', 'bytes', strict)
    (row,) = table.to_pylist()
    assert (row['incomplete'] is None) == (row['pixels'] is None) == strict
    assert (row['error'] is None) != strict
