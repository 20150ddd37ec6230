"""mmdet's dumps and COCO json: names, classes, and what is not one."""

import json
import pickle
import re

import numpy as np
import pytest
import torch

from mmsrn.evaluation.readers import (
    AnnotationError,
    read_coco_results,
    read_dump_protocol,
    read_mmdet_dump,
)
from mmsrn.evaluation.readers.image_names import ImageNames
from mmsrn.evaluation.readers.safe_pickle import load_plain_pickle

NAMES = ['0--Parade/0_Parade_1', '1--Dance/1_Dance_7']


def sample(path, boxes, scores, labels=None, **more):
    return dict(
        img_path=path,
        img_id=more.pop('img_id', 0),
        ori_shape=(100, 200),
        pred_instances=dict(
            bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
            scores=torch.tensor(scores),
            labels=torch.tensor(labels or [0] * len(scores)),
        ),
        **more,
    )


def dump(path, content):
    path.write_bytes(pickle.dumps(content))
    return path


@pytest.fixture
def samples():
    return [
        sample(f'/d/images/{NAMES[0]}.jpg', [[1, 2, 4.5, 6]], [0.5]),
        sample(f'/d/flat/{NAMES[1][9:]}.jpg', [], []),
    ]


def test_dump(tmp_path, samples):
    path = dump(tmp_path / 'x.pkl', samples)
    found = read_mmdet_dump(path, NAMES)
    assert list(found) == NAMES
    assert found[NAMES[0]].tolist() == [[1, 2, 3.5, 4, 0.5]]
    assert found[NAMES[1]].shape == (0, 5)
    # Without names of a set: the last folder and the file.
    assert list(read_mmdet_dump(path)) == [NAMES[0], 'flat/1_Dance_7']


def test_protocol(tmp_path, samples):
    path = dump(tmp_path / 'x.pkl', samples)
    assert read_dump_protocol(path) is None
    samples[0]['protocol'] = 'V'
    path = dump(tmp_path / 'x.pkl', samples)
    assert read_dump_protocol(path) == 'V and unnamed'
    samples[1].update(protocol='V', protocol_deviation='x1 in 4 tiles')
    path = dump(tmp_path / 'x.pkl', samples)
    assert read_dump_protocol(path) == (
        'V; different in 1 of 2 images because memory ran out'
    )
    with pytest.raises(AnnotationError, match='found a dict'):
        read_dump_protocol(dump(tmp_path / 'x.pkl', {}))


def test_real_dump(tmp_path):
    """What mmengine's metrics write, with boxes in mmdet's wrapper."""
    from mmdet.evaluation import DumpDetResults
    from mmdet.structures import DetDataSample
    from mmdet.structures.bbox import HorizontalBoxes
    from mmengine.evaluator import DumpResults
    from mmengine.structures import InstanceData

    info = dict(img_path=f'/d/{NAMES[0]}.jpg', protocol='V')
    data = DetDataSample(metainfo=info)
    data.pred_instances = InstanceData(
        bboxes=torch.tensor([[1.0, 2, 3, 5]]),
        scores=torch.tensor([0.25]),
        labels=torch.tensor([0]),
    )
    data.gt_instances = InstanceData(
        bboxes=HorizontalBoxes(torch.zeros(1, 4)), labels=torch.zeros(1)
    )
    data.ignored_instances = data.gt_instances
    for kind in (DumpDetResults, DumpResults):
        path = tmp_path / f'{kind.__name__}.pkl'
        metric = kind(out_file_path=str(path))
        metric.process({}, [data.to_dict()])
        metric.evaluate(1)
        found = read_mmdet_dump(path, NAMES)
        assert found[NAMES[0]].tolist() == [[1, 2, 2, 3, 0.25]]
        assert read_dump_protocol(path) == 'V'


def test_classes(tmp_path):
    path = dump(
        tmp_path / 'x.pkl',
        [sample('e/a.jpg', [[0, 0, 1, 1], [0, 0, 2, 2]], [0.1, 0.2], [3, 5])],
    )
    with pytest.raises(AnnotationError, match=r'several classes \(3, 5\)'):
        read_mmdet_dump(path)
    assert read_mmdet_dump(path, label=5)['e/a'][:, 4] == pytest.approx(0.2)
    with pytest.raises(AnnotationError, match='no .* class 4, but of 3, 5'):
        read_mmdet_dump(path, label=4)


def test_twice(tmp_path, samples):
    path = dump(tmp_path / 'x.pkl', [samples[0], samples[0]])
    with pytest.raises(AnnotationError, match='entry 1: .* is there twice'):
        read_mmdet_dump(path, NAMES)


class Evil:
    def __reduce__(self):
        return eval, ("open('/tmp/mmsrn_evil', 'w')",)


def changed(path='e/a', **parts):
    """A dump of an image with a face, of which parts are others."""
    entry = sample(path, [[1, 2, 3, 4]], [0.5])
    entry['pred_instances'].update(parts)
    return [entry]


def test_other_forms_of_numbers(tmp_path):
    """Gradients and precision do not matter, nor do lists."""
    box = [[1.0, 2, 4, 6]]
    for boxes in (
        torch.tensor(box, requires_grad=True),
        torch.tensor(box).bfloat16(),
        torch.tensor(box).long(),
        np.array(box, '>f4'),
        box,
        tuple(box),
    ):
        path = dump(tmp_path / 'x.pkl', changed(bboxes=boxes))
        assert read_mmdet_dump(path)['e/a'].tolist() == [[1, 2, 3, 4, 0.5]]


def test_protocol_that_is_none(tmp_path):
    content = changed()
    content[0]['protocol'] = ['O']
    with pytest.raises(AnnotationError, match='entry 0: its protocol is a l'):
        read_dump_protocol(dump(tmp_path / 'x.pkl', content))


@pytest.mark.parametrize(
    'content, what',
    [
        ({}, 'a list with a dict for each image, found a dict'),
        ([[np.zeros((1, 5))]], 'entry 0 is not what tools/test.py --out'),
        ([{'img_path': 'a'}], 'entry 0 is not what .*KeyError'),
        (
            [sample('e/a', [[1, 2, 3, 4]], [0.1, 0.2])],
            'entry 0 is not what .*ValueError',
        ),
        ([Evil()], 'it asks for builtins.eval'),
        (changed(labels=torch.zeros(3)), '1 boxes, 1 scores and 3 labels'),
        (changed(labels=torch.tensor([1.5])), 'a label is no whole number'),
        (changed(labels=torch.tensor([1e300])), 'a label is no whole number'),
        (changed(scores=torch.tensor([np.nan])), 'is no finite number'),
        (changed(bboxes=torch.full((1, 4), np.inf)), 'is no finite number'),
        (changed(bboxes=torch.zeros(1, 4) + 1j), 'are no real numbers'),
        (changed(bboxes=np.zeros((1, 4), 'M8[s]')), "an array of 'M8'"),
        (changed(bboxes=np.array([['a'] * 4])), 'are no real numbers'),
        (changed(bboxes=[['1', '2', '3', '4']]), 'else than numbers'),
        (changed(bboxes=[[10**400] * 4]), 'OverflowError'),
        (changed(bboxes=None), 'are no real numbers'),
        (changed(bboxes=[[1, 2, 3, 4], [5]]), 'ValueError'),
        (changed(path=['a']), 'the image is called by a list'),
        (changed(path=10**5000), 'ValueError'),
    ],
    ids=range(19),
)
def test_no_dump(tmp_path, content, what):
    path = dump(tmp_path / 'x.pkl', content)
    with pytest.raises(AnnotationError, match=what) as info:
        read_mmdet_dump(path)
    assert str(info.value).startswith(str(path))


@pytest.mark.parametrize('data', [None, b'', b'\x80\x04', b'hello', b'PK\x03'])
def test_unreadable(tmp_path, data):
    path = tmp_path / 'x.pkl'
    if data is not None:
        path.write_bytes(data)
    what = 'not a readable dump' if data is not None else 'no such file'
    with pytest.raises(AnnotationError, match=f'x.pkl: {what}'):
        read_mmdet_dump(path)


def test_code_in_a_tensor_is_not_run(tmp_path):
    """A tensor's memory is a pickle of its own."""
    ran = tmp_path / 'ran'

    class Hidden:
        def __reduce__(self):
            return eval, (f"open({str(ran)!r}, 'w')",)

    inner = tmp_path / 'inner'
    torch.save(Hidden(), inner, _use_new_zipfile_serialization=False)

    class Outer:
        def __reduce__(self):
            return torch.storage._load_from_bytes, (inner.read_bytes(),)

    path = dump(tmp_path / 'x.pkl', [Outer()])
    with pytest.raises(ValueError, match='not a readable dump'):
        load_plain_pickle(path)
    assert not ran.exists()
    pickle.loads(path.read_bytes())  # so it would have been
    assert ran.exists()


def result(image, box=(1, 2, 3, 4), score=0.5, category=1):
    return dict(
        image_id=image, bbox=list(box), score=score, category_id=category
    )


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def test_coco(tmp_path):
    path = write(tmp_path / 'r.json', [result(7), result(7, score=0.25)])
    ann = write(
        tmp_path / 'ann.json',
        {
            'images': [
                {'id': 7, 'file_name': f'{NAMES[0]}.jpg'},
                {'id': 9, 'file_name': f'{NAMES[1]}.jpg'},
            ]
        },
    )
    found = read_coco_results(path, NAMES, ann_file=ann)
    assert found[NAMES[0]].tolist() == [[1, 2, 3, 4, 0.5], [1, 2, 3, 4, 0.25]]
    assert found[NAMES[1]].shape == (0, 5)
    with pytest.raises(AnnotationError, match='7 is a number: name the COCO'):
        read_coco_results(path, NAMES)
    named = write(tmp_path / 'n.json', [result(NAMES[1], category=0)])
    assert list(read_coco_results(named, NAMES)) == [NAMES[1]]
    other = write(tmp_path / 'o.json', [result(8)])
    with pytest.raises(AnnotationError, match='image_id 8 is not in'):
        read_coco_results(other, NAMES, ann_file=ann)
    with pytest.raises(AnnotationError, match='no list of images'):
        read_coco_results(path, NAMES, ann_file=write(ann, {'a': 1}))


@pytest.mark.parametrize(
    'text, what',
    [
        (None, 'no such file'),
        ('', 'r.json:1: not json'),
        ('[\n\n{]', 'r.json:3: not json'),
        ('{}', 'expected a list of results, found a dict'),
        ('[1]', 'entry 0 is no detection of COCO'),
        ('[{"image_id": "a"}]', 'entry 0 is no detection of COCO .*bbox'),
        (
            json.dumps([result('a'), result('a', box=(1, 2, 3))]),
            'entry 1 .*bbox has 3 numbers',
        ),
        (json.dumps([result('a', score='x')]), 'entry 0 .*ValueError'),
        (json.dumps([result('a'), result('b', category=2)]), 'several clas'),
    ],
)
def test_no_coco(tmp_path, text, what):
    path = tmp_path / 'r.json'
    if text is not None:
        path.write_text(text)
    with pytest.raises(AnnotationError, match=what) as info:
        read_coco_results(path)
    assert str(info.value).startswith(str(path))


def test_not_text(tmp_path):
    path = tmp_path / 'r.json'
    path.write_bytes(b'[\xff]')
    with pytest.raises(AnnotationError, match='r.json: not json'):
        read_coco_results(path)


def test_names():
    names = ImageNames(['e/a.b', 'e/same', 'f/same', 'lone'])
    assert names.find('/x/e/a.b.jpg') == names.find('e/a.b') == 'e/a.b'
    assert names.find('C:\\x\\f\\same.png') == 'f/same'
    assert names.find('/elsewhere/same.png') is None
    assert names.find('/elsewhere/lone.png') == 'lone'
    assert names.find('/elsewhere/none.png') is None
    assert not re.match('.', names.find('x') or '')
