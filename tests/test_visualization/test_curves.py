"""Curves hold the numbers of the log."""

import json
import warnings

import numpy as np
import pytest

from mmsrn.visualization import (
    draw_losses,
    draw_pr_curves,
    draw_pr_panels,
    load_scalars,
    rasterise,
)

TRAIN = [
    dict(lr=0.1, loss=3.0, loss_cls_fs=2.0, stc_removed_ratio=0.5, step=10),
    dict(lr=0.1, loss=1.5, loss_cls_fs=1.0, stc_removed_ratio=0.7, step=20),
]
VAL = [
    {'val/protocol': 'V', 'step': 1},
    {'pascal_voc/mAP': 0.25, 'data_time': 0.1, 'step': 1},
]


def write(folder, *entries, end='\n'):
    folder = folder / 'vis_data'
    folder.mkdir(parents=True)
    file = folder / 'scalars.json'
    file.write_text('\n'.join(json.dumps(x) for x in entries) + end)
    return file


def lines(axis):
    return {x.get_label(): x.get_xydata().tolist() for x in axis.lines}


def test_load(tmp_path):
    file = write(tmp_path, TRAIN[0], *VAL, dict(TRAIN[1], iter=2, epoch=1))
    train, val = load_scalars(file)
    assert set(train) == {'lr', 'loss', 'loss_cls_fs', 'stc_removed_ratio'}
    steps, values = train['loss']
    assert steps.tolist() == [10, 20] and values.tolist() == [3, 1.5]
    assert val['pascal_voc/mAP'][1].tolist() == [0.25]


def test_work_dir(tmp_path):
    """The latest run that trained, not a test after it."""
    write(tmp_path / '20250101_000000', dict(TRAIN[0], loss=9))
    write(tmp_path / '20250102_000000', TRAIN[0])
    write(tmp_path / '20250103_000000', *VAL)
    assert load_scalars(tmp_path)[0]['loss'][1].tolist() == [3]
    for empty in (tmp_path / 'none', tmp_path / '20250101_000000'):
        with pytest.raises(FileNotFoundError, match=f'{empty}'):
            load_scalars(empty)


def test_killed_run(tmp_path):
    file = write(tmp_path, *TRAIN, end='\n{"lr": 0.1, "lo')
    assert len(load_scalars(file)[0]['loss'][0]) == 2
    text = file.read_text().splitlines()
    file.write_text('\n'.join([text[2], *text[:2]]))
    with pytest.raises(ValueError, match=f'{file}:1: '):
        load_scalars(file)


def test_nothing_logged(tmp_path):
    assert load_scalars(write(tmp_path, end='')) == ({}, {})


def test_losses(tmp_path):
    figure = draw_losses(*load_scalars(write(tmp_path, *TRAIN, *VAL)))
    loss, selection, validation = figure.axes
    assert lines(loss) == {
        'total': [[10, 3], [20, 1.5]],
        'class, first step': [[10, 2], [20, 1]],
    }
    assert lines(selection) == {
        'negatives removed by STC': [[10, 0.5], [20, 0.7]]
    }
    assert lines(validation) == {'pascal_voc/mAP': [[1, 0.25]]}
    assert rasterise(figure).std() > 5


def test_losses_alone():
    curve = np.array([10, 20]), np.array([3, np.nan])
    figure = draw_losses({'loss': curve, 'lr': curve, 'loss_fsm': curve})
    (axis,) = figure.axes
    assert list(lines(axis)) == ['total', 'feature supervision']


def test_precision_and_recall():
    recalls, precisions = np.array([0.2, 0.4]), np.array([1, 0.8])
    figure = draw_pr_curves({'small': (recalls, precisions, 0.3456)}, 'A set')
    (axis,) = figure.axes
    assert lines(axis) == {'small: AP 0.346': [[0.2, 1], [0.4, 0.8]]}
    assert axis.get_title() == 'A set'


def test_empty_pictures():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for figure in (draw_losses({}), draw_pr_curves({})):
            assert rasterise(figure).size


def test_pr_panels():
    """One panel for each setting; what has no precision is not drawn."""
    line = np.array([0.0, 0.5, 1.0])
    first = {'a': (line, np.array([np.nan, 1, 0.5]), 0.75)}
    figure = draw_pr_panels(
        {'easy': first, 'hard': {**first, 'b': first['a']}}, 'protocol: V'
    )
    assert figure.get_supxlabel() == 'protocol: V'
    easy, hard = figure.axes
    assert (easy.get_title(), hard.get_title()) == ('easy', 'hard')
    assert [len(x.lines) for x in figure.axes] == [1, 2]
    assert easy.get_legend().get_texts()[0].get_text() == 'a: AP 0.750'
    assert np.isnan(easy.lines[0].get_ydata()[0])


@pytest.mark.parametrize('panels', ['a', 'abc'])
def test_long_note_of_pr_panels(panels):
    """Whole in the picture, and the curves keep their room."""
    note = f'protocol of one: {"M: multi-scale, " * 9}\nprotocol of two: O'
    figure = draw_pr_panels({x: {} for x in panels}, note)
    plain = draw_pr_panels({x: {} for x in panels})
    for drawn in (figure, plain):
        rasterise(drawn)
    shown = ''.join(figure.get_supxlabel().split())
    assert shown == ''.join(note.split())
    assert figure.get_supxlabel().endswith('\nprotocol of two: O')
    extent = figure._supxlabel.get_window_extent()
    assert extent.x0 > 0 and extent.x1 < figure.bbox.width
    axis, before = figure.axes[0].bbox, plain.axes[0].bbox
    assert axis.height > 0.9 * before.height
    assert extent.y1 < axis.y0
