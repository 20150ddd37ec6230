"""What sources stand for."""

import os

import pytest

from mmsrn.apis.photos import PhotoError
from mmsrn.bulk.listing import LISTING, list_sources
from mmsrn.cli.sources import find_sources


def column(listing, name):
    return listing[name].to_pylist()


def test_folder_is_as_detect_has_it(photos):
    listing = list_sources(photos)
    sources, problems, _ = find_sources([str(photos)])
    assert not problems and listing.schema == LISTING
    assert column(listing, 'path') == [x.content for x in sources]
    assert column(listing, 'text') == [str(x.text) for x in sources]
    assert column(listing, 'location') == column(listing, 'path')
    assert column(listing, 'place') == list(range(5))


def test_several_sources_and_relative_names(photos, monkeypatch):
    monkeypatch.chdir(photos)
    given = ['b', '*.jpg', '../photos/b/2.png']
    listing = list_sources(given)
    sources, _, _ = find_sources(given)
    assert column(listing, 'path') == [x.content for x in sources]
    assert column(listing, 'text') == [str(x.text) for x in sources]
    assert column(listing, 'path')[0] == 'b/2.jpg'
    assert column(listing, 'location')[0] == str(photos / 'b/2.jpg')


def test_list_in_a_file(photos):
    names = photos / 'names.txt'
    names.write_text('\ufeff3.jpg\n\n b/2.png \r\nhttp://host/x.jpg\n')
    assert column(list_sources(names), 'location') == [
        *(str(photos / x) for x in ('3.jpg', 'b/2.png')),
        'http://host/x.jpg',
    ]


def test_containers(shard, table):
    assert column(list_sources(shard), 'path') == [str(shard)]
    folder = shard.parent
    found = column(list_sources(folder), 'location')
    assert found[-2:] == [str(table), str(shard)] and len(found) == 7
    assert column(list_sources(f'{folder}/*.tar'), 'path') == [str(shard)]


def test_addresses(photos):
    import fsspec

    memory = fsspec.filesystem('memory')
    for name in ('a/x.jpg', 'a/b/y.PNG', 'a/.hidden/z.jpg', 'a/s.tar', 'a/t'):
        memory.pipe_file(f'/{name}', b'')
    below = [f'memory://a/{x}' for x in ('b/y.PNG', 's.tar', 'x.jpg')]
    assert column(list_sources('memory://a'), 'path') == below
    assert column(list_sources('memory://a'), 'text') == ['b/y', 's', 'x']
    assert column(list_sources('memory://a/*.jpg'), 'path') == below[2:]
    assert column(list_sources('memory://a/t'), 'path') == ['memory://a/t']
    by_address = column(list_sources(f'file://{photos}'), 'path')
    assert by_address == [
        f'file://{photos}/{x}'
        for x in ('1.jpg', '3.jpg', 'b/2.jpg', 'b/2.png', 'broken.jpg')
    ]


@pytest.mark.parametrize(
    ('source', 'message'),
    [
        ('nothing', 'nothing: no such file or folder'),
        ('nothing.tar', 'no such file or folder'),
        ('memory://none', 'memory://none: no such file or folder'),
        ('odd://x', 'odd://x: cannot be read'),
        ('no.txt', 'no.txt: No such file'),
        ('empty', 'has no photos'),
    ],
)
def test_nothing_there(source, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir('empty')
    with pytest.raises(PhotoError, match=message):
        list_sources(source)
