"""Sets that are drawn, and the same numbers from both layouts."""

import json

import pytest

from benchmarks import evaluation_growth as growth


@pytest.mark.parametrize('layout', ['text', 'parquet'])
def test_set(tmp_path, layout):
    if layout == 'parquet':
        pytest.importorskip('pyarrow')
    growth.write_set(tmp_path, 1001, layout)
    found = growth.evaluate(
        str(tmp_path / 'results'), str(tmp_path / 'truth.txt')
    )
    # Of 16 detections four are of no face, and those of tiny faces may miss.
    assert 0.5 < found['ap'] < 0.9
    assert list(found['seconds']) == list(growth.STAGES)
    assert min(found['seconds'].values()) > 0 and found['mib'] > 30


def test_table(tmp_path, capsys):
    pytest.importorskip('pyarrow')
    path = tmp_path / 'numbers.json'
    growth.main(['20', '40', '--json', str(path)])
    rows = json.loads(path.read_text())
    assert [x['images'] for x in rows] == [20, 20, 40, 40]
    out = capsys.readouterr().out
    assert out.count('| text ') == out.count('| parquet ') == 2
