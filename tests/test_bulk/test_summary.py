"""Numbers of a job."""

import pyarrow as pa
import pytest

from mmsrn.bulk.store import SCHEMA
from mmsrn.bulk.summary import Summary


def test_counts():
    seconds = dict(read=1.0, decode=1.0, enhance=0.0, detect=2.0)
    rows = [
        dict(path='a', scores=[0.9, 0.8], seconds=seconds),
        dict(path='b', scores=[], seconds=seconds),
        dict(path='c', error='is no image'),
    ]
    summary = Summary(actors=2, done_before=7)
    for row in rows:
        summary.add(pa.Table.from_pylist([row], SCHEMA))
    summary.seconds = 1.5
    assert (summary.photos, summary.faces) == (3, 2)
    assert summary.errors == {'is no image': 1}
    assert summary.stages == pytest.approx(
        {k: 2 * v for k, v in seconds.items()}
    )
    text = str(summary).splitlines()
    assert text[0] == (
        '3 photos, 2 faces in 1.5 s: 2.0 photos/s, 1.0 for each of 2 actors'
    )
    assert text[1] == '7 photos were already done'
    assert 'read 25 %, decode 25 %, enhance 0 %, detect 50 %' in text[2]
    assert text[3] == '1 without result: is no image'
    assert len(text) == 4
