"""Links to photos, and what counts as the same."""

import json

from benchmarks.bulk.photos import faces, repeat


def test_repeat(tmp_path):
    source = tmp_path / 'source'
    source.mkdir()
    for name in ('a.jpg', 'b.png'):
        (source / name).write_text(name)
    repeat(tmp_path / 'many', source, 5)
    found = sorted((tmp_path / 'many').iterdir())
    assert [x.name for x in found] == [
        *('000000.jpg', '000001.png', '000002.jpg', '000003.png'),
        '000004.jpg',
    ]
    assert found[3].read_text() == 'b.png'


def test_seconds_do_not_count(tmp_path):
    rows = [dict(name='a', faces=[1], timing=dict(read=i)) for i in range(2)]
    paths = [tmp_path / 'a.json', tmp_path / 'b.json']
    for path, row in zip(paths, rows):
        path.write_text(json.dumps([row]))
    one, other = map(faces, paths)
    assert one == other == [dict(name='a', faces=[1])]
