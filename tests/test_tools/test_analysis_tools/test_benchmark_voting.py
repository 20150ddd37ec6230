"""The benchmark of the box voting: its sets, its ratios, its exit status."""

import json

import numpy as np
import pytest


@pytest.fixture
def tool(load_tool):
    return load_tool('analysis_tools/benchmark_voting.py')


def test_sets_are_what_they_are_said_to_be(tool):
    sets = tool.make_sets(600)
    assert list(sets) == ['passes', 'random', 'single', 'crowded']
    assert all(dets.shape == (600, 5) for dets in sets.values())
    for dets in sets.values():
        assert (dets[:, 2:4] > dets[:, :2]).all()
    again = tool.make_sets(600)
    assert all((again[name] == sets[name]).all() for name in sets)
    # A face of "crowded" is 25 boxes of one place, of "single" one.
    spread = np.ptp(sets['crowded'].reshape(-1, 25, 5)[:, :, 0], axis=1)
    widths = sets['crowded'][::25, 2] - sets['crowded'][::25, 0]
    assert (spread < widths).all()
    assert len(np.unique(sets['single'][:, 0])) == 600


def test_ratio_and_status(tool, tmp_path, monkeypatch, capsys):
    times = {tool.bbox_voting: iter([1, 3, 2] * 4)}
    times[tool.bbox_voting_loop] = iter([90, 60, 120] * 4)
    monkeypatch.setattr(
        tool, 'seconds', lambda function, *_: next(times[function])
    )
    out = tmp_path / 'new/numbers.json'
    args = ['--boxes', '50', '--iters', '3', '--json', str(out)]
    assert tool.main([*args, '--min-ratio', '45']) == 0
    found = json.loads(out.read_text())
    for row in found['sets'].values():
        assert (row['seconds'], row['loop_seconds']) == (2, 90)
        assert row['ratio'] == 45
    rows = [x.split() for x in capsys.readouterr().out.splitlines()]
    assert ['90000.0', '2000.0', '45.0'] in [row[2:] for row in rows]
    for name in times:
        times[name] = iter([1] * 99)
    assert tool.main([*args, '--min-ratio', '45']) == 1
    assert 'Less than 45.0 times' in capsys.readouterr().err


def test_real_run(tool, capsys):
    assert tool.main(['--boxes', '300', '--iters', '1']) == 0
    assert 'passes' in capsys.readouterr().out


def test_voting_that_differs_is_no_result(tool, monkeypatch, fails):
    monkeypatch.setattr(
        tool, 'bbox_voting_loop', lambda dets, vote_iou: dets[:1]
    )
    error = fails(tool, '--boxes', '60', '--iters', '1')
    assert 'passes: the voting differs from the loop' in error


def test_wrong_arguments(tool, fails, tmp_path):
    assert '--vote-iou 0.0: is not in (0, 1]' in fails(tool, '--vote-iou', '0')
    assert 'whole number from 1 on' in fails(tool, '--boxes', '0')
    (tmp_path / 'file').touch()
    error = fails(
        tool, '--boxes', '9', '--iters', '1', '--json', tmp_path / 'file/x'
    )
    assert 'cannot be written' in error


def test_help(help_of):
    assert '--min-ratio' in help_of('analysis_tools/benchmark_voting.py')
