"""Folders of results."""

import pyarrow as pa
import pytest

from mmsrn.bulk.listing import LISTING
from mmsrn.bulk.store import SCHEMA, FaceTable, StoreError
from mmsrn.utils.atomic_file import atomic_file

SETTINGS = dict(model=None, scale=[640, 'original'])


def rows(*paths, **values):
    return pa.Table.from_pylist(
        [dict(path=x, **values) for x in paths], SCHEMA
    )


def listing(*paths):
    items = [dict(place=i, path=x) for i, x in enumerate(paths)]
    return pa.Table.from_pylist(items, LISTING)


@pytest.fixture(params=['local', 'memory'])
def out(request, tmp_path):
    if request.param == 'local':
        return str(tmp_path / 'faces')
    return f'memory://{tmp_path.name}/faces'


def test_what_is_done_is_left_out(out):
    store = FaceTable(out)
    store.open(SETTINGS)
    assert store.without_done(listing('a', 'b')) == (listing('a', 'b'), 0)
    store.add(rows('a'))
    store.add(rows('s/0', 's/2', container='s'))
    assert store.parts() == []  # waits for more
    store.flush()
    store.flush()
    assert len(store.parts()) == 1
    # Another process goes on.
    other = FaceTable(out)
    other.open(SETTINGS)
    left, done = other.without_done(listing('a', 'b', 's'))
    assert (left['path'].to_pylist(), done) == (['b', 's'], 3)


def test_members_that_are_done(out):
    store = FaceTable(out)
    store.open(SETTINGS)
    for member in (0, 2):
        store.add(rows(f's/{member}', container='s', member=member))
    store.flush()
    left, done = store.without_done(listing('b', 's'))
    assert left['done'].to_pylist() == [None, [0, 2]] and done == 2
    assert left.schema == LISTING


def test_other_settings(out):
    FaceTable(out).open(SETTINGS)
    with pytest.raises(StoreError, match=r"scale=\[640, 'original'\], now 8"):
        FaceTable(out).open(dict(SETTINGS, scale=8))


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / 'photo.jpg').touch()
    with pytest.raises(StoreError, match='is not empty'):
        FaceTable(str(tmp_path)).open(SETTINGS)
    with pytest.raises(StoreError, match='holds no results'):
        FaceTable(str(tmp_path)).parts()
    assert [x.name for x in tmp_path.iterdir()] == ['photo.jpg']


def test_a_damaged_part(tmp_path):
    store = FaceTable(str(tmp_path / 'faces'))
    store.open(SETTINGS)
    store.add(rows('a'))
    store.flush()
    (part,) = store.parts()
    with open(part, 'r+b') as file:
        file.truncate(50)
    with pytest.raises(StoreError, match=f'{part}: cannot be read'):
        list(store.read())


def test_what_a_killed_job_left_is_removed(tmp_path):
    """It does not count, and the next run does not meet it."""
    folder = tmp_path / 'faces'
    store = FaceTable(str(folder))
    store.open(SETTINGS)
    left = folder / '.part-1-000000.4711-1.parquet'
    left.write_bytes(b'half')
    assert store.parts() == [] == [*store.read()]
    FaceTable(str(folder)).open(SETTINGS)
    assert not left.exists()


def test_job_that_was_killed_as_it_began(tmp_path):
    (tmp_path / '._settings.4711-1.json').write_text('{')
    FaceTable(str(tmp_path)).open(SETTINGS)
    assert [x.name for x in tmp_path.iterdir()] == ['_settings.json']


def test_part_that_is_being_written_stays(tmp_path):
    folder = tmp_path / 'faces'
    FaceTable(str(folder)).open(SETTINGS)
    with atomic_file(folder / 'part-1-000000.parquet') as partial:
        FaceTable(str(folder)).open(SETTINGS)
        partial.write_bytes(b'whole')
    assert (folder / 'part-1-000000.parquet').read_bytes() == b'whole'


def test_many_rows_are_written_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr('mmsrn.bulk.store._ROWS', 3)
    store = FaceTable(str(tmp_path / 'faces'))
    store.open(SETTINGS)
    for name in 'abcde':
        store.add(rows(name))
    assert [x.num_rows for x in store.read()] == [3]
    store.flush()
    assert [x.num_rows for x in store.read()] == [3, 2]
