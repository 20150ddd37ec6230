"""Numbers of a run, against what a person counts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.evaluation import CocoMetric

from benchmarks.detectors.contestants import Contestant
from benchmarks.detectors.labelled_sets import LabelledPhoto
from benchmarks.detectors.numbers import Curve, count_false_alarms, measure
from benchmarks.detectors.runs import Run

# Heights of 20, 10 and 40 pixels; the detector sees them at twice the size.
A, B, C = (10, 10, 30, 30), (50, 10, 60, 20), (10, 10, 50, 50)
UNSURE = (70, 60, 95, 75)


def make_run(photos, score_thr):
    """Make a run from faces, ignored faces and rows of boxes and scores."""
    run = Run(Contestant('a', None, score_thr), [])
    for faces, ignored, rows in photos:
        rows = np.array(rows, np.float32).reshape(-1, 5)
        faces, ignored = (
            np.array(x, float).reshape(-1, 4) for x in (faces, ignored)
        )
        name = Path(f'{len(run.photos)}.png')
        run.photos.append(LabelledPhoto(name, faces, ignored))
        run.boxes.append(rows[:, :4])
        run.scores.append(rows[:, 4])
        run.seconds.append(0.1 + len(run.seconds))
        run.cpu_seconds.append(0.02)
        run.sides.append(100)
    return run


@pytest.fixture
def run():
    """By falling score: hit, false, hit, false, double, hit."""
    first = [
        (*A, 0.9),
        (0, 50, 9, 60, 0.6),
        (72, 62, 80, 70, 0.58),  # on the unsure face, as is the next
        (*UNSURE, 0.55),
        (11, 10, 31, 30, 0.5),
        (*B, 0.3),
    ]
    second = [
        (60, 50, 80, 90, 0.8),
        (10, 10, 50, 42.8, 0.7),  # overlaps C by 0.82
    ]
    return make_run([([A, B], [UNSURE], first), ([C], [], second)], 0.65)


def test_average_precision(run):
    found = measure(run, 200, [])
    # Of COCO's 101 recalls 34 are up to 1/3, 33 up to 2/3, 34 above.
    loose = (34 * 1 + 33 * 2 / 3 + 34 * 3 / 6) / 101
    tight = (34 * 1 + 33 * 2 / 6) / 101  # C is missed
    assert found['AP50'] == found['AP75'] == pytest.approx(loose)
    # Seven of ten overlaps are below 0.82.
    assert found['AP'] == pytest.approx((7 * loose + 3 * tight) / 10)


def test_recall_at_false_alarms(run):
    # 0, 1, 2 and 10 of them in two photos.
    found = measure(run, 200, [0, 0.5, 1, 5])
    assert found['recall'] == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1])
    assert found['score'] == pytest.approx([0.9, 0.7, 0.6, 0.3])


def test_default_and_best_score(run):
    found = measure(run, 200, [])
    assert found['default_score'] == 0.65
    assert found['default_recall'] == pytest.approx(2 / 3)
    assert found['default_false'] == 0.5  # a photo
    # 2 hits of 3 boxes and 3 faces; as good as all boxes.
    assert found['best_f1'] == pytest.approx(2 / 3)
    assert found['best_score'] == pytest.approx(0.7)
    assert found['seconds'] == pytest.approx(0.6)
    assert found['cpu_seconds'] == pytest.approx(0.02)


def test_heights(run):
    """False alarms cost in their own band; the scores are the set's."""
    found = measure(run, 200, [0, 0.5, 5])['heights']
    assert [(x['band'], x['faces']) for x in found] == [
        ('16-32', 1),
        ('32-64', 1),
        ('64-128', 1),
    ]
    # B behind a false alarm of its height, A before its double, C behind one.
    assert [x['AP50'] for x in found] == pytest.approx([0.5, 1, 0.5])
    assert [x['recall'] for x in found] == [[0, 0, 1], [1, 1, 1], [0, 1, 1]]
    original = measure(run, 'original', [])['heights']
    assert [x['band'] for x in original] == ['0-16', '16-32', '32-64']


def test_edges_of_bands():
    """A height of 16 belongs to the upper band alone."""
    face = (0, 0, 16, 16)
    run = make_run([([face], [], [(*face, 0.5)])], 0.5)
    (band,) = measure(run, 'original', [0])['heights']
    assert (band['band'], band['faces'], band['recall']) == ('16-32', 1, [1])
    assert band['AP50'] == pytest.approx(1)


def test_nothing_found():
    found = measure(make_run([([A], [], [])], 0.5), 200, [1])
    assert found['AP'] == found['AP50'] == found['best_f1'] == 0
    assert found['recall'] == [0] and found['score'] == [None]
    assert found['default_recall'] == 0 and found['best_score'] is None
    assert found['heights'][0]['recall'] == [0]


def test_equal_scores_come_together():
    curve = Curve.of(np.array([0.5, 0.5, 0.2]), np.array([1, 0, 1]) > 0, 4)
    assert curve.at_score(0.5) == (0.25, 1)
    assert curve.at_score(0.1) == (0.5, 1)
    assert curve.score_at(0) == np.inf and curve.score_at(1) == 0.2


def test_photos_without_faces():
    box = (0, 0, 9, 9)
    rows = [[(*box, 0.75), (*box, 0.5)], [], [(*box, 0.25)]]
    found = count_false_alarms(make_run([([], [], x) for x in rows], 0.5))
    assert (found['alarms'], found['photos']) == (2, 1)
    assert found['highest'] == [(0.75, '0.png'), (0.25, '2.png'), (0, '1.png')]


def test_numbers_of_the_metric_of_tools_test():
    """Also in a crowd, where COCO counts 100 detections for AP alone."""
    rng = np.random.default_rng(0)
    photos, samples = [], []
    for index in range(2):
        corner = rng.uniform(0, 900, (150, 2))
        faces = np.hstack([corner, corner + rng.uniform(10, 60, (150, 2))])
        near = faces + rng.normal(0, 2, faces.shape)
        far = rng.permutation(faces) + 25
        boxes = np.float32(np.concatenate([near, far]))
        scores = np.float32(rng.uniform(0.1, 1, len(boxes)))
        photos.append((faces[5:], faces[:5], np.column_stack([boxes, scores])))
        samples.append(
            dict(
                img_id=index,
                ori_shape=(960, 960),
                pred_instances=dict(
                    bboxes=torch.from_numpy(boxes),
                    scores=torch.from_numpy(scores),
                    labels=torch.zeros(len(boxes), dtype=torch.long),
                ),
                instances=[
                    dict(bbox=list(x), bbox_label=0, ignore_flag=int(i < 5))
                    for i, x in enumerate(faces)
                ],
            )
        )
    metric = CocoMetric(metric='bbox', proposal_nums=(100, 300, 1000))
    metric.dataset_meta = dict(classes=('face',))
    metric.process({}, samples)
    expected = metric.evaluate(len(samples))
    found = measure(make_run(photos, 0.5), 'original', [])
    for name, key in (('AP', ''), ('AP50', '_50'), ('AP75', '_75')):
        value = expected[f'coco/bbox_mAP{key}']
        assert 0.1 < value < 0.9
        assert found[name] == pytest.approx(value, abs=5.001e-4)
