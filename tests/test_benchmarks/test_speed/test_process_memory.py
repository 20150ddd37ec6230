"""Memory of a process, and what is drawn of it."""

import json
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from unittest import mock

import pytest
import torch

from benchmarks import timing
from benchmarks.speed import __main__ as tool
from benchmarks.speed import (
    imposed_cells,
    inputs,
    options,
    picture,
    process_memory,
    variants,
)
from benchmarks.speed.detectors import load_detector
from mmsrn.utils.errors import UserError

LIGHT = 'configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
FEW = '--iters 1 --warmup 1 --device cpu'.split()


def cells_of(markdown):
    """Rows of all tables, by their first cell."""
    rows = [
        [x.strip() for x in line.strip('|').split('|')]
        for line in markdown.splitlines()
        if line.startswith('|') and '---' not in line
    ]
    return {x[0]: x[1:] for x in rows}


def test_memory_of_a_process(root):
    """What its tensors take at most, and not much more."""
    if not process_memory.STATUS.exists():
        pytest.skip('needs Linux')
    size, config = (384, 512), str(root / LIGHT)
    found = process_memory.process_peak(config, 'published', size, 0.1)
    loaded = load_detector(config, 'cpu')
    contender = variants.Contender(loaded, 'published')
    imposed_cells.impose([contender.model], 0.1)
    batches = inputs.noise(loaded, size)
    tensors = timing.peak_rise(
        lambda: variants.predict(contender.model, batches),
        torch.device('cpu'),
    )
    rise = found['process_bytes'] - found['process_start_bytes']
    assert found['process_start_bytes'] > 100 * 2**20  # torch
    assert 0.8 * tensors < rise < 2 * tensors


def test_a_process_that_is_ended(root, monkeypatch):
    pool = mock.MagicMock()
    submit = pool.return_value.__enter__.return_value.submit
    submit.return_value.result.side_effect = BrokenProcessPool
    monkeypatch.setattr(process_memory, 'ProcessPoolExecutor', pool)
    with pytest.raises(UserError, match='published at 64x96 was ended'):
        process_memory.process_peak(1, 'published', (64, 96), None)


def test_several_sizes(root, tmp_path, monkeypatch, capsys):
    """Time and memory of each variant against megapixels."""
    asked = []

    def peak(model, variant, size, imposed):
        asked.append((Path(model), variant, size, imposed))
        return dict(
            process_bytes=2**30 * size[0] // 64, process_start_bytes=2**29
        )

    monkeypatch.setattr(tool, 'process_peak', peak)
    tool.main(
        [
            *(str(root / LIGHT), '--size', '128x64', '64', '--device', 'cpu'),
            *('--impose-active', '0.1', '--process-memory', *FEW),
            *('--variants', 'dense', 'auto', '--out-dir', str(tmp_path)),
        ]
    )
    assert asked == [
        (root / LIGHT, variant, size, 0.1)
        for size in ((128, 64), (64, 64))
        for variant in ('dense', 'auto')
    ]
    result = json.loads((tmp_path / 'benchmark.json').read_text())
    rows = cells_of(capsys.readouterr().out)
    assert (
        rows['size']
        == rows['peak of the process, GiB']
        == [*('128 x 64', '64 x 64')]
    )
    assert rows['`auto`'] == ['2.00', '1.00']
    time, memory = picture.draw(result).axes
    assert [x.get_label() for x in memory.lines] == ['dense', 'auto']
    for line in memory.lines:
        x, y = line.get_data()
        assert list(x) == pytest.approx([64 * 64 / 1e6, 128 * 64 / 1e6])
        assert list(y) == pytest.approx([1, 2])
    large, small = result['settings']
    assert list(time.lines[1].get_ydata()) == pytest.approx(
        [small['rows'][1]['seconds'], large['rows'][1]['seconds']]
    )


def test_where_the_memory_of_a_process_is_not_measured(
    fails, monkeypatch, tmp_path
):
    error = fails(tool, '--process-memory', '--images', '.')
    assert 'is of noise' in error
    monkeypatch.setattr(tool, 'usable_device', lambda *_: 'cuda')
    assert 'add --device cpu' in fails(tool, '--process-memory')
    monkeypatch.setattr(tool, 'usable_device', lambda *_: 'cpu')
    monkeypatch.setattr(options, 'STATUS', tmp_path / 'none')
    assert 'needs Linux' in fails(tool, '--process-memory')
