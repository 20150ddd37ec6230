"""The metrics in mmdet's place: names, classes, ground truth, ranks, files."""

import itertools
import logging
import math
import shutil
import zipfile

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmdet.registry import HOOKS, METRICS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.structures import InstanceData

from mmsrn.datasets import DarkFaceDataset, WiderFaceDataset
from mmsrn.evaluation.metrics import DarkFaceMetric, WiderFaceMetric
from mmsrn.evaluation.protocols import eval_darkface, eval_widerface
from mmsrn.evaluation.readers import (
    read_dark_face_labels,
    read_submission,
    read_wider_face_mat,
)
from mmsrn.utils import register_all_modules

META = {'classes': ('face',)}


def sample(path, found, instances=None, labels=None, **more):
    """One image as the evaluator hands it over."""
    data = DetDataSample(metainfo=dict(img_path=path, ori_shape=(300, 400)))
    if instances is not None:
        data.set_metainfo(dict(instances=instances))
    rows = torch.tensor(found, dtype=torch.float32).reshape(-1, 5)
    data.pred_instances = InstanceData(
        bboxes=rows[:, :4],
        scores=rows[:, 4],
        labels=torch.tensor(labels or [0] * len(rows)),
    )
    for key, value in more.items():
        setattr(data, key, value)
    return data.to_dict()


def face(box, label=0, **more):
    return dict(bbox=box, bbox_label=label, ignore_flag=0, **more)


def evaluate(metric, samples, meta=META):
    metric.dataset_meta = meta
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def interleave(samples, ranks):
    """As mmengine gathers what a sampler dealt out, padded to equal parts."""
    per_rank = math.ceil(len(samples) / ranks)
    dealt = list(itertools.islice(itertools.cycle(samples), per_rank * ranks))
    parts = [dealt[i::ranks] for i in range(ranks)]
    gathered = list(itertools.chain.from_iterable(zip(*parts)))
    return gathered[: len(samples)]


@pytest.mark.parametrize(
    'path, tolerance',
    [
        ('golden/widerface/predictions.zip', 6e-11),
        # Twelve digits of a text do not fit into the tensors of a detector.
        ('data/widerface/retinaface_mnet_predictions.zip', 1e-6),
    ],
)
def test_published(shared, tmp_path, path, tolerance):
    """Results in tensors, their zip, and the published tool."""
    gt_dir = shared / 'data/widerface/ground_truth'
    truth = read_wider_face_mat(gt_dir)
    results = read_submission(shared / path, truth.names)
    expected = eval_widerface(results, truth).ap
    samples = []
    for name, rows in results.items():
        rows = np.hstack(
            [rows[:, :2], rows[:, :2] + rows[:, 2:4], rows[:, 4:]]
        )
        samples.append(sample(f'/data/WIDER_val/images/{name}.jpg', rows))
    metric = METRICS.build(
        dict(
            type='WiderFaceMetric',
            gt_dir=str(gt_dir),
            outfile_prefix=str(tmp_path / 'out'),
        )
    )
    found = evaluate(metric, samples)
    assert list(found) == [
        'wider_face/hard',
        'wider_face/medium',
        'wider_face/easy',
    ]
    for name, ap in expected.items():
        assert found[f'wider_face/{name}'] == pytest.approx(ap, abs=tolerance)
    again = read_submission(tmp_path / 'out.zip', truth.names)
    for name, ap in eval_widerface(again, truth).ap.items():
        assert found[f'wider_face/{name}'] == ap


BLUR = dict(blur=0, expression=0, illumination=0, occlusion=0, pose=0)
SAMPLES = [
    sample(
        'd/e/a.jpg',
        [[0, 0, 9, 9, 0.9], [0, 0, 9, 9, 0.8], [50, 0, 60, 9, 0.7]],
        [face([0, 0, 9, 9], **BLUR), face([100, 0, 109, 29], **BLUR)],
    ),
    sample(
        'd/f/b.jpg',
        [[100, 0, 109, 29, 0.1]],
        [face([100, 0, 109, 29], **dict(BLUR, blur=2))],
    ),
]


def test_annotations_of_the_dataset():
    found = evaluate(WiderFaceMetric(), SAMPLES)
    # 1/3 at precision 1, then 2 of 4.
    assert found == {
        'wider_face/all': pytest.approx(1 / 3 + 1 / 3 / 2),
        'wider_face/all_height_8-16': 1,
        'wider_face/all_height_16-32': 0.5,
    }
    found = evaluate(DarkFaceMetric(), SAMPLES)
    assert found == {'dark_face/ap': pytest.approx(1 / 3 + 1 / 3 / 2)}


def test_instances_of_the_pipeline():
    """Without meta key: boxes that are not scaled, ignored ones apart."""
    box = torch.tensor([[0.0, 0, 9, 9], [50, 0, 60, 9]])
    faces = InstanceData(bboxes=box[:1], labels=torch.tensor([0]))
    ignored = InstanceData(bboxes=box[1:], labels=torch.tensor([0]))
    rows = [[50, 0, 60, 9, 0.9], [0, 0, 9, 9, 0.8], [0, 0, 9, 9, 0.1]]
    data = sample(
        'e/a.jpg', rows, gt_instances=faces, ignored_instances=ignored
    )
    assert evaluate(WiderFaceMetric(), [data])['wider_face/all'] == 1
    faces.bboxes = box[:1] * 100
    data = sample(
        'e/a.jpg', rows, gt_instances=faces, ignored_instances=ignored
    )
    with pytest.raises(ValueError, match='a.jpg reach over the image: .*inst'):
        evaluate(WiderFaceMetric(), [data])
    with pytest.raises(ValueError, match="'instances' in meta_keys"):
        evaluate(WiderFaceMetric(), [sample('e/a.jpg', rows)])


def test_classes():
    instances = [face([0, 0, 9, 9], 1), face([50, 0, 60, 9], 0)]
    rows = [[0, 0, 9, 9, 0.9], [50, 0, 60, 9, 0.95], [90, 0, 99, 9, 0.1]]
    samples = [sample('e/a.jpg', rows, instances, [1, 0, 1])]
    dogs = {'classes': ('dog', 'face')}
    assert evaluate(WiderFaceMetric(), samples, dogs)['wider_face/all'] == 1
    wrong = WiderFaceMetric(class_names='cat')
    with pytest.raises(ValueError, match="'cat' is none of the classes .*dog"):
        evaluate(wrong, samples, dogs)
    with pytest.raises(ValueError, match="'face' is none of the classes"):
        evaluate(WiderFaceMetric(), samples, {'classes': ('bare', 'masked')})
    both = WiderFaceMetric(class_names=['masked', 'bare'])
    found = evaluate(both, samples, {'classes': ('bare', 'masked')})
    assert found['wider_face/all'] == 1
    # One class of any name is the face.
    lone = evaluate(WiderFaceMetric(), SAMPLES, {'classes': ('head',)})
    assert lone == evaluate(WiderFaceMetric(), SAMPLES)


def test_extras(caplog):
    metric = WiderFaceMetric(extras='all')
    with caplog.at_level(logging.INFO):
        found = evaluate(metric, SAMPLES)
    keys = {x.split('/')[1] for x in found}
    assert {
        'all', 'all_iou50', 'all_iou95', 'all_fp@10', 'all_fp@95', 'all_low',
        'all_high', 'all_height_16-32', 'all_blur_clear', 'all_blur_heavy',
        'all_pose_typical',
    } <= keys  # fmt: skip
    assert found['wider_face/all_fp@50'] == 2
    assert math.isnan(found['wider_face/all_fp@95'])  # not reached
    assert next(iter(found)) == 'wider_face/all'
    with pytest.raises(ValueError, match="unknown analysis 'size'; there are"):
        WiderFaceMetric(extras=['size'])


def test_format_only(tmp_path):
    metric = WiderFaceMetric(
        format_only=True, outfile_prefix=str(tmp_path / 'new/out')
    )
    # Images of the test set have no annotations.
    data = [sample('t/e/a.jpg', [[1, 2, 4, 6, 0.5]]), sample('t/e/b.png', [])]
    assert evaluate(metric, data) == {}
    with zipfile.ZipFile(tmp_path / 'new/out.zip') as archive:
        assert archive.namelist() == ['e/a.txt', 'e/b.txt']
        assert archive.read('e/a.txt') == b'a\n1\n1 2 3 4 0.5\n'
        assert archive.read('e/b.txt') == b'b\n0\n'
    metric = DarkFaceMetric(
        format_only=True, outfile_prefix=str(tmp_path / 'dark')
    )
    assert evaluate(metric, data) == {}
    with zipfile.ZipFile(tmp_path / 'dark.zip') as archive:
        assert archive.read('a.txt') == b'1 2 4 6 0.5\n'
        assert archive.read('b.txt') == b''
    with pytest.raises(ValueError, match='outfile_prefix must say where'):
        WiderFaceMetric(format_only=True)


def test_half_precision():
    expected = evaluate(WiderFaceMetric(), SAMPLES)
    for kind in (torch.bfloat16, torch.float16):
        halves = []
        for data in SAMPLES:
            found = dict(data['pred_instances'])
            found['scores'] = found['scores'].to(kind)
            halves.append(dict(data, pred_instances=found))
        assert evaluate(WiderFaceMetric(), halves) == expected


def test_two_images_of_one_name():
    twice = [SAMPLES[0], SAMPLES[0]]
    with pytest.raises(ValueError, match='two images are called e/a'):
        evaluate(WiderFaceMetric(), twice)


def test_ground_truth_folder(tmp_path):
    """None there: a warning, and the annotations."""
    with pytest.MonkeyPatch.context() as patch:
        told = []
        patch.setattr(
            'mmsrn.evaluation.metrics.face_metric.print_log',
            lambda text, *_: told.append(text),
        )
        metric = WiderFaceMetric(gt_dir=str(tmp_path))
    assert 'no ground truth of WIDER FACE in' in told[0]
    assert 'wider_face/all' in evaluate(metric, SAMPLES)


def test_dark_face_labels(tmp_path):
    (tmp_path / 'a.txt').write_text('1\n0 0 9 9\n')
    (tmp_path / 'b.txt').write_text('1\n0 0 9 9\n')
    metric = DarkFaceMetric(gt_dir=str(tmp_path))
    rows = [[0, 0, 9, 9, 0.9], [0, 0, 9, 9, 0.1]]
    with pytest.MonkeyPatch.context() as patch:
        told = []
        patch.setattr(
            'mmsrn.evaluation.metrics.face_metric.print_log',
            lambda text, *_: told.append(text),
        )
        found = evaluate(metric, [sample('x/y/a.png', rows)])
    assert found == {'dark_face/ap': 0.5}
    assert 'DarkFaceMetric: 1 of 2 images have no predictions' in told[0]
    truth = read_dark_face_labels(tmp_path)
    with pytest.warns(UserWarning, match='no predictions'):
        assert eval_darkface({'a': np.array(rows)}, truth).ap == {'ap': 0.5}
    split = tmp_path / 'split.list'
    split.write_text('a.png 1 0 0 9 9 1\nb.png 1 0 0 9 9 1\n')
    again = DarkFaceMetric(gt_dir=str(split))
    assert evaluate(again, [sample('x/y/a.png', rows)]) == found


boxes = st.tuples(st.integers(0, 3), st.sampled_from([9, 14, 20])).map(
    lambda x: [x[0] * 40.0, 0.0, x[0] * 40.0 + x[1], 20.0]
)


@given(
    images=st.lists(
        st.tuples(
            st.lists(boxes, min_size=1, max_size=3),
            st.lists(st.tuples(boxes, st.sampled_from([0.2, 0.5, 0.9]))),
        ),
        min_size=1,
        max_size=7,
    ),
    ranks=st.integers(1, 4),
)
def test_ranks_change_nothing(images, ranks):
    samples = [
        sample(
            f'e/{i}.jpg',
            [[*box, score] for box, score in found],
            [face(box) for box in faces],
        )
        for i, (faces, found) in enumerate(images)
    ]
    first = evaluate(WiderFaceMetric(), samples)
    assert evaluate(WiderFaceMetric(), interleave(samples, ranks)) == first


@pytest.mark.parametrize(
    'key', ['wider_face/hard', 'wider_face/all', 'dark_face/ap', 'auto']
)
def test_save_best(root, key):
    """The configs say that more is better; mmengine's lists stay its own."""
    register_all_modules(init_default_scope=False)
    assert not [
        x for x in CheckpointHook._default_greater_keys if '_face' in x
    ]
    runtime = Config.fromfile(root / 'configs/_base_/default_runtime.py')
    cfg = runtime.default_hooks.checkpoint
    assert cfg.save_best == 'auto' and cfg.rule == 'greater'
    cfg.save_best = key
    hook = HOOKS.build(cfg)
    if key == 'auto':
        hook._init_rule(hook.rules, ['wider_face/hard'])
    assert hook.rules == ['greater']


@pytest.mark.parametrize('metric', [DarkFaceMetric, WiderFaceMetric])
def test_images_without_labels(metric, tmp_path):
    """The first image says so, not the end of a test of hours."""
    images = tmp_path / 'image'
    images.mkdir()
    cv2.imwrite(str(images / '1.png'), np.zeros((8, 8, 3), np.uint8))
    if metric is DarkFaceMetric:
        dataset = DarkFaceDataset(
            ann_file='', data_root=str(tmp_path), test_mode=True
        )
    else:
        names = tmp_path / 'filelist.txt'
        names.write_text('event/1.png\nevent/2.png\n')
        (images / 'event').mkdir()
        for name in '12':
            shutil.copy(images / '1.png', images / f'event/{name}.png')
        dataset = WiderFaceDataset(
            ann_file=names.name,
            data_root=str(tmp_path),
            data_prefix=dict(img='image/'),
            test_mode=True,
        )
    found = sample(str(images / '1.png'), [[0, 0, 5, 5, 0.5]], [])
    judge = metric()
    judge.dataset_meta = dataset.metainfo
    with pytest.raises(ValueError, match='no labels; set format_only=True'):
        judge.process({}, [found])
    judge = metric(format_only=True, outfile_prefix=str(tmp_path / 'out'))
    assert evaluate(judge, [found], dataset.metainfo) == {}
    assert (tmp_path / 'out.zip').is_file()
