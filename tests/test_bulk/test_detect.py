"""Whole jobs on a local Ray, beside ``mmsrn detect``."""

import json
import os
import re
import signal

import pyarrow as pa
import pytest
import ray

from benchmarks.bulk.processes import TITLES, below
from mmsrn import bulk
from mmsrn.cli.main import main

pytestmark = pytest.mark.ray
MODEL = ['--backend', 'onnx']


@pytest.fixture(scope='module', autouse=True)
def local_ray():
    """One for all tests: it takes seconds to start."""
    ray.init(
        address='local',  # not one that a user has started
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=2**28,
    )
    yield
    ray.shutdown()


def read(out):
    return pa.concat_tables(bulk.FaceTable(str(out)).read()).to_pylist()


def without_timing(text):
    return re.sub(r'"timing": {[^}]*}', '', text)


def test_same_as_one_process(photos, tmp_path, capsys):
    alone, many = tmp_path / 'alone', tmp_path / 'many'
    for folder, more in (
        (alone, []),
        (many, ['--ray', '--parquet', str(tmp_path / 'faces')]),
    ):
        status = main(
            [
                *('detect', str(photos), *MODEL, *more),
                *('--json', f'{folder}.json', '--csv', f'{folder}.csv'),
                *('--wider', str(folder)),
            ]
        )
        assert status == 1  # one is broken
    said = capsys.readouterr().out
    assert '5 photos, 4 faces' in said and '1 without result' in said
    for suffix in ('.json', '.csv'):
        texts = [f'{x}{suffix}' for x in (alone, many)]
        one, other = (without_timing(open(x).read()) for x in texts)
        assert one == other and 'box' in one or 'x1' in one
    files = sorted(x.relative_to(alone) for x in alone.rglob('*.txt'))
    assert len(files) == 4
    assert files == sorted(x.relative_to(many) for x in many.rglob('*.txt'))
    for file in files:
        assert (alone / file).read_bytes() == (many / file).read_bytes()
    # The same again from the folder.
    again = tmp_path / 'again.json'
    main(['bulk-export', str(tmp_path / 'faces'), '--json', str(again)])
    assert again.read_text() == (tmp_path / 'many.json').read_text()
    assert json.loads(again.read_text())[0]['name'] == str(photos / '1.jpg')


def test_goes_on(photos, shard, tmp_path):
    out = tmp_path / 'faces'
    settings = dict(backend='onnx', actors=1)
    first = bulk.detect([photos / '1.jpg', shard], out, **settings)
    assert (first.photos, first.done_before, first.lost) == (4, 0, 0)
    done = read(out)
    seen = []
    second = bulk.detect(
        [photos, shard],
        out,
        on_rows=lambda *x: seen.append(x),
        **settings,
    )
    assert (second.photos, second.done_before) == (4, 4)
    assert seen[-1] == (4, None)
    rows = read(out)
    assert len({x['path'] for x in rows}) == len(rows) == 8
    paths = {x['path'] for x in done}
    assert [x for x in rows if x['path'] in paths] == done
    third = bulk.detect([photos, shard], out, **settings)
    assert (third.photos, third.done_before) == (0, 8)


def test_actor_and_workers_killed(photos, tmp_path):
    """Each photo has its result, once."""
    given = []
    for i in range(24):
        path = tmp_path / f'many/{i}.jpg'
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(photos / '3.jpg')
        given.append(str(path))
    killed = []

    def kill(done, total):
        assert total == 24
        if len(killed) < 2:
            killed.append(done)
            for pid, title in below(os.getpid()).items():
                if title.startswith((TITLES['actor'], TITLES['worker'])):
                    os.kill(pid, signal.SIGKILL)

    out = tmp_path / 'faces'
    summary = bulk.detect(
        given, out, backend='onnx', actors=1, batch_size=1, on_rows=kill
    )
    assert killed and summary.photos == 24 and summary.lost == 0
    rows = read(out)
    assert sorted(x['path'] for x in rows) == sorted(given)
    assert {len(x['boxes']) for x in rows} == {1}


def test_settings_that_are_wrong(photos, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(['detect', str(photos), '--ray'])
    assert '--parquet DIR' in capsys.readouterr().err
    out = str(tmp_path / 'faces')
    with pytest.raises(bulk.BulkError, match='one detector needs'):
        bulk.detect(photos, out, backend='onnx', actor_cpus=64)
    with pytest.raises((bulk.BulkError, ValueError), match='nosuch'):
        bulk.detect(photos, out + '2', model='nosuch', actors=1)


@pytest.mark.parametrize(
    'address, text',
    [
        ('local', 'Ray does not start: too slow; run the same command again'),
        ('10.0.0.9:1', 'cannot reach Ray at 10.0.0.9:1: too slow; start'),
    ],
)
def test_ray_that_does_not_start(photos, tmp_path, monkeypatch, address, text):
    def init(**_):
        raise Exception('too\nslow')

    monkeypatch.setattr(ray, 'is_initialized', lambda: False)
    monkeypatch.setattr(ray, 'init', init)
    with pytest.raises(bulk.BulkError, match=re.escape(text)):
        bulk.detect(photos, tmp_path / 'faces', address=address)
