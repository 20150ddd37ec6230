"""Folders of Parquet files as results of an evaluation."""

import numpy as np
import pytest

from mmsrn.evaluation.protocols import DARK_FACE, WIDER_FACE
from mmsrn.evaluation.readers import AnnotationError, read_bulk_results
from mmsrn.evaluation.results import read_predictions

pa = pytest.importorskip('pyarrow')
pq = pytest.importorskip('pyarrow.parquet')

LISTS = pa.list_(pa.list_(pa.float32()))


@pytest.fixture
def write(tmp_path):
    """Function that writes a part."""

    def part(number, rows):
        columns = dict(zip(('path', 'boxes', 'scores', 'error'), zip(*rows)))
        schema = pa.schema(
            [
                ('path', pa.string()),
                ('boxes', LISTS),
                ('scores', pa.list_(pa.float32())),
                ('error', pa.string()),
            ]
        )
        path = tmp_path / f'part-{number}.parquet'
        pq.write_table(pa.table(columns, schema), path)
        return tmp_path

    return part


FACES = [[[1, 2, 11, 22], [0.5, 0, 3.5, 4]], [0.75, 0.5]]


def test_both_protocols(write):
    (
        write(0, [('a/b/event/one.jpg', *FACES, None)]) / '_settings.json'
    ).touch()
    folder = write(
        1,
        [
            ('x/two.png', [], [], None),
            ('event/lost.jpg', None, None, 'is no image'),
            ('other/three.jpg', [[0, 0, 1, 1]], [0.25], None),
        ],
    )
    names = ['event/one', 'event/two', 'event/lost']
    found = read_predictions(str(folder), names, WIDER_FACE)
    assert list(found) == ['event/one', 'event/two', 'other/three']
    expected = [[1, 2, 10, 20, 0.75], [0.5, 0, 3, 4, 0.5]]
    np.testing.assert_array_equal(found['event/one'], expected)
    assert found['event/two'].shape == (0, 5)
    corners = read_predictions(str(folder), names, DARK_FACE)['event/one']
    np.testing.assert_array_equal(corners[0], [1, 2, 11, 22, 0.75])
    assert read_predictions(str(folder), None, WIDER_FACE)


def test_refused(write):
    folder = write(0, [('e/1.jpg', *FACES, None), ('f/e/1.png', *FACES, None)])
    with pytest.raises(AnnotationError, match='e/1 is there twice'):
        read_bulk_results(folder, ['e/1'])
    for file in folder.glob('*.parquet'):
        file.write_bytes(b'PAR1')
    with pytest.raises(AnnotationError, match='no results of mmsrn detect'):
        read_bulk_results(folder)
