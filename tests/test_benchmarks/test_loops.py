"""Fast implementations beside the slow ones: ratios, results, exit status."""

import itertools
import json
import time
import zipfile

import cv2
import numpy as np
import pytest
import scipy.io

from benchmarks.loops import __main__ as loops
from benchmarks.loops.__main__ import compare, main
from demo.dark_scene import draw_dark_scene
from mmsrn.evaluation.readers import write_submission
from tests.oracles import voting_loop


@pytest.fixture
def clock(monkeypatch):
    """Function that sets how long fast and slow calls take, in turns."""

    def take(*seconds):
        now, steps = [0.0], itertools.cycle(seconds)
        begun = itertools.cycle((True, False))

        def read():
            if not next(begun):
                now[0] += next(steps)
            return now[0]

        for name in ('process_time', 'perf_counter'):
            monkeypatch.setattr(time, name, read)

    return take


@pytest.fixture
def fails(capsys):
    def run(*args):
        with pytest.raises(SystemExit) as ended:
            main([str(x) for x in args])
        assert ended.value.code not in (0, None)
        return capsys.readouterr().err

    return run


def test_medians(clock):
    clock(1, 90, 3, 60, 2, 120)
    row, fast, slow = compare(lambda: 'a', lambda: 'b', 3, time.process_time)
    assert row == dict(seconds=2, slow_seconds=90, ratio=45)
    assert (fast, slow) == ('a', 'b')


def test_sets_are_what_they_are_said_to_be():
    sets = loops.make_sets(600)
    assert list(sets) == ['passes', 'random', 'single', 'crowded']
    assert all(dets.shape == (600, 5) for dets in sets.values())
    for dets in sets.values():
        assert (dets[:, 2:4] > dets[:, :2]).all()
    again = loops.make_sets(600)
    assert all((again[name] == sets[name]).all() for name in sets)
    # A face of "crowded" is 25 boxes of one place, of "single" one.
    spread = np.ptp(sets['crowded'].reshape(-1, 25, 5)[:, :, 0], axis=1)
    widths = sets['crowded'][::25, 2] - sets['crowded'][::25, 0]
    assert (spread < widths).all()
    assert len(np.unique(sets['single'][:, 0])) == 600


def test_voting(clock, tmp_path, capsys, monkeypatch):
    clock(1, 90, 3, 60, 2, 120)
    out = tmp_path / 'new/numbers.json'
    monkeypatch.setattr(loops, 'NUM_BOXES', 50)
    args = ['voting', '--iters', '3', '--json', str(out)]
    main(args)
    for row in json.loads(out.read_text()).values():
        assert (row['seconds'], row['slow_seconds']) == (2, 90)
        assert row['ratio'] == 45
    lines = capsys.readouterr().out.replace('|', ' ').splitlines()
    found = [x.split()[:4] for x in lines]
    assert ['passes', '90000.0', '2000.0', '45.0'] in found


def test_voting_in_real_time(capsys, monkeypatch):
    monkeypatch.setattr(loops, 'NUM_BOXES', 300)
    main(['voting', '--iters', '1'])
    assert 'passes' in capsys.readouterr().out


def test_voting_that_differs_is_no_result(monkeypatch, fails):
    monkeypatch.setattr(loops, 'NUM_BOXES', 60)
    monkeypatch.setattr(
        voting_loop, 'bbox_voting_loop', lambda dets, vote_iou: dets[:1]
    )
    error = fails('voting', '--iters', '1')
    assert 'passes: the voting differs from the loop' in error


def make_up(folder, num_images):
    """Write ground truth and results of a made-up set."""
    rng = np.random.default_rng(0)
    names = [[] for _ in range(61)]
    faces = [[] for _ in range(61)]
    found = {}
    for i in range(num_images):
        event = i % 61
        name = f'{event}_Made_Up_{i}'
        num = 1 + int(rng.exponential(11.3))
        sides = np.exp(rng.normal(3.0, 0.9, num))[:, None] * [1, 1.25]
        boxes = np.hstack([rng.uniform(0, 900, (num, 2)), sides + 4])
        names[event].append(name)
        faces[event].append(boxes.astype(np.int32))
        num_found = rng.poisson(8)
        rows = boxes[rng.integers(num, size=num_found)]
        size = np.tile(rows[:, 2:], 2)
        rows = rows + rng.normal(0, 0.1, rows.shape) * size
        rows = np.hstack([rows, rng.beta(0.6, 1.2, (num_found, 1))])
        found[f'{event}--Made_Up/{name}'] = rows.round(3)
    write_submission(folder / 'pred.zip', found)
    with zipfile.ZipFile(folder / 'pred.zip') as archive:
        archive.extractall(folder / 'pred')
    (folder / 'gt').mkdir()
    content = dict(
        event_list=_cell([f'{x}--Made_Up' for x in range(61)]),
        file_list=_cell([_cell(x) for x in names]),
        face_bbx_list=_cell([_cell(x) for x in faces]),
    )
    scipy.io.savemat(folder / 'gt/wider_face_val.mat', content)
    for setting, least in (('easy', 40), ('medium', 25), ('hard', 8)):
        content['gt_list'] = _cell(
            [
                _cell([1.0 + np.flatnonzero(b[:, 3] > least) for b in x])
                for x in faces
            ]
        )
        scipy.io.savemat(folder / f'gt/wider_{setting}_val.mat', content)


def _cell(items):
    """A column of cells."""
    column = np.empty((len(items), 1), object)
    for i, item in enumerate(items):
        column[i, 0] = item
    return column


def test_evaluation(tmp_path, capsys, fails, monkeypatch):
    out = tmp_path / 'x.json'
    make_up(tmp_path, 61)
    given = ['evaluation', tmp_path / 'pred', tmp_path / 'gt', '--iters', 2]
    main([str(x) for x in (*given, '--json', out)])
    row = json.loads(out.read_text())['evaluation']
    assert 0 < row['ap']['hard'] < 1
    assert row['ratio'] == row['slow_seconds'] / row['seconds']
    assert f'hard {row["ap"]["hard"]:.6f}' in capsys.readouterr().out
    assert 'name results and ground' in fails('evaluation', tmp_path / 'pred')
    for wrong in ('x.zip', tmp_path / 'pred/0--Made_Up'):
        error = fails('evaluation', wrong, tmp_path / 'gt')
        assert f'{wrong}: is no folder with EVENT/IMAGE.txt' in error
    monkeypatch.setattr(
        loops, 'eval_by_transcription', lambda *_: dict(row['ap'], easy=2.0)
    )
    assert 'easy: ' in fails(*given)


@pytest.fixture
def image(tmp_path):
    file = tmp_path / 'dark.png'
    cv2.imwrite(str(file), draw_dark_scene(0, (60, 90)))
    return file


@pytest.fixture
def threads():
    """Of OpenCV, as before when the test has ended."""
    before = cv2.getNumThreads()
    yield
    cv2.setNumThreads(before)


def test_enhancement(image, clock, tmp_path, threads, capsys):
    # Fast and exact three times, of each form.
    clock(1, 20, 2, 30, 5, 90, 2, 30, 3, 45, 3, 50, 1, 4, 1, 4, 1, 4)
    out = tmp_path / 'numbers.json'
    main(['enhancement', str(image), '--json', str(out)])
    rows = json.loads(out.read_text())
    found = [(x['seconds'], x['slow_seconds']) for x in rows.values()]
    assert found == [(2, 30), (3, 45), (1, 4)]
    for form, row in zip(('jobson', 'minmax', 'gimp'), rows.values()):
        assert row['ratio'] == row['slow_seconds'] / row['seconds']
        assert row['psnr'] > 60
        assert rows[f'dark.png, {form}'] == row
    assert 'dB' in capsys.readouterr().out


def test_wrong_arguments(fails, tmp_path, monkeypatch):
    assert 'invalid choice' in fails('speed')
    assert 'whole number of at least 1' in fails('voting', '--iters', '0')
    (tmp_path / 'file').touch()
    monkeypatch.setattr(loops, 'NUM_BOXES', 9)
    error = fails('voting', '--iters', '1', '--json', tmp_path / 'file/x')
    assert 'cannot be written' in error
    text = tmp_path / 'a.png'
    text.write_text('no picture')
    error = fails('enhancement', text)
    assert 'a.png: is not an image' in error
    assert 'name photos' in fails('enhancement')
