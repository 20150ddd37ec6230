"""The .mat ground truth: classes of numbers, versions, what does not fit."""

import re

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from mmsrn.evaluation.protocols import eval_widerface
from mmsrn.evaluation.readers import (
    AnnotationError,
    find_wider_face_mat,
    read_submission,
    read_wider_face_mat,
)

EVENTS = {'0--Parade': ['0_Parade_1', '0_Parade_2'], '1--Dance': ['1_Dance_7']}
BOXES = [[[1, 2, 3, 4], [5, 6, 7, 8]], [], [[9, 9, 30, 40]]]
LISTS = dict(easy=[[], [], [1]], medium=[[2], [], [1]], hard=[[1, 2], [], [1]])


def cell(items):
    column = np.empty((len(items), 1), object)
    for i, item in enumerate(items):
        column[i, 0] = item
    return column


def by_event(items):
    return cell([cell(items[:2]), cell(items[2:])])


def content(kind=np.int32, **changes):
    boxes = [np.array(x, kind).reshape(-1, 4) for x in BOXES]
    return dict(
        dict(
            event_list=cell(list(EVENTS)),
            file_list=cell([cell(x) for x in EVENTS.values()]),
            face_bbx_list=by_event(boxes),
            blur_label_list=by_event([np.arange(len(x)) for x in boxes]),
        ),
        **changes,
    )


def write(folder, kind=np.int32, main=None, **settings):
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / 'wider_face_val.mat', main or content(kind))
    for name, lists in LISTS.items():
        indices = by_event([np.array(x, float).reshape(-1, 1) for x in lists])
        table = content(kind, gt_list=indices)
        table.update(settings.get(name, {}))
        savemat(folder / f'wider_{name}_val.mat', table)
    return folder


@pytest.mark.parametrize('kind', [np.int32, np.float64])
def test_reading(tmp_path, kind):
    write(tmp_path / 'ground_truth', kind)
    assert find_wider_face_mat(tmp_path) == tmp_path / 'ground_truth'
    found = read_wider_face_mat(tmp_path)
    assert found.names == [
        '0--Parade/0_Parade_1',
        '0--Parade/0_Parade_2',
        '1--Dance/1_Dance_7',
    ]
    assert list(found.settings) == ['easy', 'medium', 'hard']
    counts = [x.counts.tolist() for x in found.settings.values()]
    assert counts == [[0, 0, 1], [0, 1, 1], [1, 1, 1]]
    faces = found.settings['hard'].faces
    assert [x.dtype for x in faces] == [kind] * 3
    assert faces[0].tolist() == [[1, 2, 4, 6], [5, 6, 12, 14]]
    assert faces[1].shape == (0, 4)
    # Matched once: the boxes are the same.
    assert all(x.faces is faces for x in found.settings.values())
    assert found.attributes['blur'].tolist() == [0, 1, 0]
    assert 'not a published version' in found.version


def test_small_doubles_stay_doubles(tmp_path):
    """MATLAB stores whole doubles in few bytes; their class is kept apart."""
    write(tmp_path, np.float64)
    raw = (tmp_path / 'wider_face_val.mat').read_bytes()
    assert raw.startswith(b'MATLAB 5.0')
    faces = read_wider_face_mat(tmp_path).settings['easy'].faces
    assert faces[0].dtype == np.float64


def test_boxes_of_a_setting(tmp_path):
    """The published tool takes them from the setting's own file."""
    moved = [np.array(x, np.int32).reshape(-1, 4) + 1 for x in BOXES]
    write(tmp_path, hard=dict(face_bbx_list=by_event(moved)))
    found = read_wider_face_mat(tmp_path).settings
    assert found['hard'].faces[2].tolist() == [[10, 10, 41, 51]]
    assert found['easy'].faces[2].tolist() == [[9, 9, 39, 49]]


def test_published_versions(shared):
    folder = shared / 'data/widerface'
    found = read_wider_face_mat(folder)
    assert found.version == 'WIDER FACE val, new version'
    assert len(found.names) == 3226
    sizes = {name: len(x) for name, x in found.attributes.items()}
    assert set(sizes.values()) == {39708} and len(sizes) == 5
    assert found.settings['hard'].faces[0].dtype == np.int32


@pytest.mark.parametrize('kind', [np.int32, np.float64])
def test_older_version(shared, tmp_path, kind):
    """Same lists, other boxes, of either class: made, as it is not at hand.

    The arithmetic of both classes is tested with the evaluation.
    """
    folder = shared / 'data/widerface/ground_truth'
    new = read_wider_face_mat(folder)
    content = loadmat(folder / 'wider_face_val.mat')
    for event in content['face_bbx_list'].flat:
        for i, boxes in enumerate(event.flat):
            moved = boxes + (i % 3 > 0) * (1 if kind is np.int32 else 0.4)
            event.flat[i] = moved.astype(kind)
    savemat(tmp_path / 'wider_face_val.mat', content)
    for name in LISTS:
        setting = loadmat(folder / f'wider_{name}_val.mat')
        setting['face_bbx_list'] = content['face_bbx_list']
        savemat(tmp_path / f'wider_{name}_val.mat', setting)
    old = read_wider_face_mat(tmp_path)
    assert old.version == (
        'WIDER FACE val, boxes of another version than the new one'
    )
    assert old.names == new.names
    for name, setting in old.settings.items():
        assert (setting.counts == new.settings[name].counts).all()
        assert {x.dtype for x in setting.faces} == {np.dtype(kind)}
    path = shared / 'data/widerface/retinaface_mnet_predictions.zip'
    found = read_submission(path, new.names)
    one, other = (eval_widerface(found, x).ap for x in (old, new))
    for name, ap in one.items():
        assert 0 < abs(ap - other[name]) < 0.02


@pytest.mark.parametrize(
    'file, change, what',
    [
        ('hard', dict(gt_list=by_event([[3], [], []])), 'beyond the 2'),
        ('hard', dict(gt_list=by_event([[0], [], []])), 'beyond the 2'),
        ('hard', dict(gt_list=by_event([[1.5], [], []])), 'beyond the 2'),
        ('hard', dict(gt_list=by_event([[np.nan], [], []])), 'beyond the 2'),
        ('hard', dict(gt_list=by_event([[1, 1], [], []])), 'a face twice'),
        ('hard', dict(gt_list=by_event([[], []])), 'gt_list of 2 images'),
        ('hard', dict(gt_list=np.zeros(3)), 'not a cell array of cell'),
        ('hard', dict(event_list=cell(['x', 'y'])), 'take all four files'),
        (
            'hard',
            dict(face_bbx_list=by_event([np.zeros((1, 4))] * 3)),
            'not as many boxes',
        ),
        ('main', dict(event_list=cell(['x'])), '1 events, file_list 2'),
        (
            'main',
            dict(face_bbx_list=by_event([np.zeros((2, 5))] * 3)),
            'must have four columns',
        ),
        (
            'main',
            dict(face_bbx_list=by_event([np.zeros((1, 4), np.float32)] * 3)),
            'of class float32',
        ),
        (
            'main',
            dict(blur_label_list=by_event([np.zeros(1)] * 2)),
            'blur_label_list has 2 values for 3 faces',
        ),
    ],
)
def test_does_not_fit(tmp_path, file, change, what):
    if file == 'main':
        write(tmp_path, main=content(**change))
    else:
        write(tmp_path, **{file: change})
    with pytest.raises(AnnotationError, match=re.escape(what)) as info:
        read_wider_face_mat(tmp_path)
    name = 'wider_face_val' if file == 'main' else f'wider_{file}_val'
    assert str(info.value).startswith(f'{tmp_path / name}.mat: ')


def test_missing(tmp_path):
    assert find_wider_face_mat(tmp_path) is None
    with pytest.raises(AnnotationError, match='wider_face_val.mat: no such'):
        read_wider_face_mat(tmp_path)
    write(tmp_path)
    (tmp_path / 'wider_easy_val.mat').unlink()
    with pytest.raises(AnnotationError, match='easy_val.mat: no such file; '):
        read_wider_face_mat(tmp_path)
    main = content()
    del main['file_list']
    write(tmp_path, main=main)
    with pytest.raises(AnnotationError, match='val.mat: has no file_list'):
        read_wider_face_mat(tmp_path)


@pytest.mark.parametrize('share', [0, 0.01, 0.1, 0.5, 0.9, 0.99])
def test_cut_off(tmp_path, share):
    path = write(tmp_path) / 'wider_face_val.mat'
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(AnnotationError, match='wider_face_val.mat: '):
        read_wider_face_mat(tmp_path)


def test_format_7_3(tmp_path):
    path = write(tmp_path) / 'wider_face_val.mat'
    # Text, version 0x0200, byte order: scipy leaves these to HDF5 readers.
    path.write_bytes(b'MATLAB 7.3'.ljust(124) + b'\x00\x02IM' + bytes(400))
    with pytest.raises(AnnotationError, match="save it with save.*'-v7'"):
        read_wider_face_mat(tmp_path)
