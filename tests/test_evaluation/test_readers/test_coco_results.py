"""COCO results whose numbers are none."""

import json
import os

import pytest

from mmsrn.evaluation.readers import AnnotationError, read_coco_results


def entry(**other):
    found = dict(image_id='e/a', bbox=[1, 2, 3, 4], score=0.5, category_id=1)
    return found | other


def text_of(**other):
    """The json, with numbers as they were written."""
    plain = {k: json.dumps(v) for k, v in entry().items()} | other
    inner = ', '.join(f'"{k}": {v}' for k, v in plain.items())
    return f'[{json.dumps(entry())}, {{{inner}}}]'


@pytest.mark.parametrize(
    'other, what',
    [
        (dict(bbox='"1234"'), 'bbox is "1234", not x, y, width, height'),
        (dict(bbox='{"0": 1}'), 'bbox is {"0": 1}, not x, y'),
        (dict(bbox='null'), 'bbox is null, not x, y'),
        (dict(bbox='[1, 2, 3]'), 'bbox has 3 numbers'),
        (dict(bbox='[]'), 'bbox has 0 numbers'),
        (dict(bbox='[1, 2, 3, "4"]'), '"4" is no number, or too large'),
        (dict(bbox='[1, 2, 3, true]'), 'true is no number'),
        (dict(bbox='[1, 2, 3, [4]]'), '[4] is no number'),
        (dict(bbox='[1, 2, 3, 1e400]'), 'Infinity is no number'),
        (dict(bbox=f'[1, 2, 3, {"9" * 400}]'), '... is no number'),
        (dict(bbox='[1, 2, 3, NaN]'), 'NaN is no number'),
        (dict(score='1e400'), 'Infinity is no number'),
        (dict(score='"0.5"'), '"0.5" is no number'),
        (dict(category_id='1.9'), 'category_id is 1.9'),
        (dict(category_id='"1"'), '"1" is no number'),
        (dict(category_id='1e400'), 'Infinity is no number'),
        (dict(category_id='null'), 'null is no number'),
        (dict(image_id='1e400'), 'image_id is Infinity'),
        (dict(image_id='[1]'), 'image_id is [1]'),
        (dict(image_id='true'), 'image_id is true'),
    ],
)
def test_what_is_no_number(tmp_path, other, what):
    path = tmp_path / 'r.json'
    path.write_text(text_of(**other))
    with pytest.raises(AnnotationError) as info:
        read_coco_results(path)
    message = str(info.value)
    assert message.startswith(f'{path}: entry 1 is no detection of COCO (')
    assert what in message and len(message) < 300 + len(str(path))


@pytest.mark.parametrize('text', [f'[{"9" * 9999}]', '[' * 99_999, '[\x00]'])
def test_no_json(tmp_path, text):
    path = tmp_path / 'r.json'
    path.write_text(text)
    with pytest.raises(AnnotationError, match='not json') as info:
        read_coco_results(path)
    assert str(info.value).startswith(str(path))


def test_whole_numbers_of_any_kind(tmp_path):
    path = tmp_path / 'r.json'
    path.write_text(text_of(category_id='1.0', bbox='[1.0, 2, 3, 4e0]'))
    assert read_coco_results(path)['e/a'].tolist() == [[1, 2, 3, 4, 0.5]] * 2


@pytest.mark.parametrize('ids', [(7, '7'), ('7', 7), (7.0, 7)])
def test_ids_of_mixed_types(tmp_path, ids):
    path, ann = tmp_path / 'r.json', tmp_path / 'ann.json'
    path.write_text(json.dumps([entry(image_id=ids[0])]))
    images = [
        dict(id=ids[1], file_name='e/a.jpg'),
        dict(id='x', file_name='e/b.jpg'),
    ]
    ann.write_text(json.dumps(dict(images=images)))
    found = read_coco_results(path, ['e/a', 'e/b'], ann_file=ann)
    assert {name: len(x) for name, x in found.items()} == {'e/a': 1, 'e/b': 0}


def test_a_pipe(tmp_path):
    """It would wait for somebody to write into it."""
    path = tmp_path / 'r.json'
    os.mkfifo(path)
    with pytest.raises(AnnotationError, match='r.json: is no file to read'):
        read_coco_results(path)
