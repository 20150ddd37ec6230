"""The detector of an actor."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from mmsrn import FaceDetector
from mmsrn.bulk.finding import FaceFinder
from mmsrn.bulk.listing import list_sources
from mmsrn.bulk.reading import read_listing
from mmsrn.bulk.store import SCHEMA

SETTINGS = dict(backend='onnx', batch_size=2)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '1')


def decoded(photos):
    listing = list_sources(photos)
    return pa.concat_tables(read_listing(listing, 'path', 'bytes', False))


def test_finds_what_the_detector_finds(photos):
    found = FaceFinder(1, SETTINGS)(decoded(photos))
    assert found.schema == SCHEMA
    rows = {x['path']: x for x in found.to_pylist()}
    broken = rows.pop(str(photos / 'broken.jpg'))
    assert broken['error'] and broken['boxes'] is None
    assert len(rows) == 4
    # By size, so that the network gets two at once.
    sizes = [(x['height'], x['width']) for x in rows.values()]
    assert sizes == sorted(sizes)
    for faces in FaceDetector(**SETTINGS).detect(list(rows)):
        row = rows[faces.name]
        np.testing.assert_array_equal(
            np.array(row['boxes'], np.float32).reshape(-1, 4), faces.boxes
        )
        assert row['scores'] == faces.scores.tolist()
        assert (row['height'], row['width']) == faces.photo.shape[:2]
        assert row['seconds']['detect'] > 0
    assert len(rows[str(photos / '3.jpg')]['boxes']) == 1


def test_one_photo_to_blame(photos, monkeypatch):
    finder = FaceFinder(1, SETTINGS)
    stream = finder._detector.stream

    def fails(images):
        images = list(images)
        if any(x.shape == (300, 200, 3) for x in images):
            raise RuntimeError('out of memory\nat x')
        return stream(iter(images))

    monkeypatch.setattr(finder._detector, 'stream', fails)
    rows = finder(decoded(photos)).to_pylist()
    errors = {x['path'].rpartition('/')[2]: x['error'] for x in rows}
    assert errors['1.jpg'].startswith('out of memory')
    assert errors['3.jpg'] is errors['2.jpg'] is errors['2.png'] is None


def test_needs_no_torch(photos):
    code = (
        'import sys; sys.modules.update(torch=None, mmdet=None, mmcv=None)\n'
        'from mmsrn.bulk.finding import FaceFinder\n'
        'from mmsrn.bulk.listing import list_sources\n'
        'from mmsrn.bulk.reading import read_listing\n'
        'import pyarrow as pa\n'
        f'photos = list_sources({str(photos / "3.jpg")!r})\n'
        "rows = read_listing(photos, 'path', 'bytes', False)\n"
        f'found = FaceFinder(1, {SETTINGS})(pa.concat_tables(rows))\n'
        "print(len(found['boxes'][0]))\n"
    )
    run = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert (run.returncode, run.stdout) == (0, '1\n'), run.stderr
