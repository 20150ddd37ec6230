"""The report of experiments on dark photos: numbers, pictures, mistakes."""

import json
import pickle
import re

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from benchmarks.dark_face import __main__ as tool
from benchmarks.dark_face.page import choose
from mmsrn.visualization import ComparedDetections

FACES = {'7': [(10, 10, 30, 34)], '12': [(50, 20, 70, 44), (5, 40, 25, 64)]}
DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'


@pytest.fixture
def sets(tmp_path, monkeypatch):
    """A set in DARK FACE's layout, and a brighter copy of it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, top in (('night', 30), ('night-bright', 200)):
        for folder in ('image', 'label'):
            (tmp_path / name / folder).mkdir(parents=True)
        for image, faces in FACES.items():
            pixels = rng.integers(0, top, (80, 96, 3), np.uint8)
            cv2.imwrite(str(tmp_path / name / f'image/{image}.png'), pixels)
            rows = [' '.join(map(str, x)) for x in faces]
            text = '\n'.join([str(len(faces)), *rows])
            (tmp_path / name / f'label/{image}.txt').write_text(text)
    return tmp_path


@pytest.fixture
def config(root, sets):
    """Function that writes the config of a test on one of the sets."""

    def write(name, transforms=()):
        pipeline = [
            dict(type='LoadImageFromFile'),
            *[dict(type='Enhance', method=x) for x in transforms],
            dict(type='ProtocolResize', scale_factor=1.0),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(
                type='PackDetInputs',
                meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape')
                + ('scale_factor', 'instances', 'protocol'),
            ),
        ]
        dataset = dict(
            _delete_=True,
            type='DarkFaceDataset',
            data_root=f'{name}/',
            test_mode=True,
            pipeline=pipeline,
        )
        cfg = dict(
            _base_=str(root / DEMO),
            train_dataloader=dict(dataset=dict(data_root='lit/')),
            test_dataloader=dict(dataset=dataset, num_workers=0)
            | dict(persistent_workers=False),
            test_evaluator=dict(_delete_=True, type='DarkFaceMetric'),
        )
        path = sets / f'{name}-config.py'
        Config(cfg).dump(path)
        return str(path)

    return write


def save(path, found):
    """Results as the test saves them; ``found``: rows of each image."""
    entries = []
    for name, rows in found.items():
        rows = np.array(rows, np.float32).reshape(-1, 5)
        instances = dict(
            bboxes=torch.from_numpy(rows[:, :4]),
            scores=torch.from_numpy(rows[:, 4]),
            labels=torch.zeros(len(rows), dtype=torch.long),
        )
        entries.append(
            dict(img_path=f'x/{name}.png', pred_instances=instances)
        )
    path.write_bytes(pickle.dumps(entries))
    return str(path)


@pytest.fixture
def dumps(sets):
    """Results of two detectors: the second finds all, and one face too much.

    Precision and recall by falling score: of the first 1, 1/3; of the second
    1, 1/3; 1, 2/3; 2/3, 2/3; 3/4, 1.
    """
    one, (two, three) = FACES['7'][0], FACES['12']
    return [
        save(sets / 'a.pkl', {'7': [(*one, 0.9)], '12': []}),
        save(
            sets / 'b.pkl',
            {
                '12': [(*two, 0.8), (70, 60, 90, 78, 0.7), (*three, 0.6)],
                '7': [(*one, 0.9)],
            },
        ),
    ]


def test_collected_results(sets, config, dumps, capsys):
    out = sets / 'out'
    tool.main(
        [
            *['--experiment', 'A', config('night'), dumps[0]],
            *['--experiment', 'B', config('night-bright'), dumps[1]],
            *['--output-dir', str(out)],
        ]
    )
    lines = capsys.readouterr().out.splitlines()
    rows = [re.split(r' *\| *', x)[1:-1] for x in lines]
    lit = 'lit (wider_face_train_bbx_gt)'
    assert ['A', lit, 'night', 'not given', '33.33'] in rows
    # VOC's area: 2/3 at precision 1, the last third at 3/4.
    assert ['B', lit, 'night-bright', 'not given', '91.67'] in rows
    numbers = json.loads((out / 'numbers.json').read_text())
    assert list(numbers) == ['A', 'B']
    assert numbers['B']['ap'] == pytest.approx(11 / 12, abs=1e-3)
    assert numbers['B']['testing_dataset'] == 'night-bright'
    page = (out / 'report.html').read_text()
    assert 'A: 0 of 2 found, 0 false' in page
    assert 'B: 2 of 2 found, 1 false' in page
    assert 'B: 1 of 1 found, 0 false' in page
    pictures = {x.name for x in (out / 'images/test').iterdir()}
    assert pictures == {f'{i}{x}.jpg' for i in FACES for x in ('', '_A', '_B')}
    bright = cv2.imread(str(out / 'images/test/7_B.jpg')).mean()
    assert bright > 2 * cv2.imread(str(out / 'images/test/7_A.jpg')).mean()


def test_first_pictures_are_of_the_gain():
    def found(hits, false, faces):
        boxes = np.array([[30.0 * i, 0, 30 * i + 20, 20] for i in range(9)])
        scores = np.linspace(0.5, 0.9, 9)
        rows = [*range(hits), *range(9 - false, 9)]
        return ComparedDetections(
            boxes[rows], scores[rows], boxes[:faces], np.empty((0, 4)), 0.5
        )

    before = dict(a=found(2, 0, 4), b=found(0, 0, 4), c=found(1, 0, 4))
    after = dict(a=found(2, 3, 4), b=found(3, 0, 4), c=found(2, 0, 4))
    assert [str(x) for x in after.values()] == [
        '2 of 4 found, 3 false',
        '3 of 4 found, 0 false',
        '2 of 4 found, 0 false',
    ]
    assert choose(before, after, 2) == ['b', 'a']
    assert choose(before, after, 3) == ['b', 'c', 'a']
    assert choose(before, after, 9) == ['b', 'c', 'a']


def test_checkpoint(sets, config, capfd):
    from mmdet.registry import MODELS

    path = config('night', ['linear_gain'])
    cfg = Config.fromfile(path)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    weights = str(sets / 'weights.pth')
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, weights)
    out = sets / 'out'
    tool.main(
        [
            *['--experiment', 'A', path, weights, '--output-dir', str(out)],
        ]
    )
    printed = capfd.readouterr().out
    assert 'night, linear_gain' in printed
    ap = json.loads((out / 'numbers.json').read_text())['A']['ap']
    assert f'dark_face/ap: {ap:.4f}' in printed
    # As the pipeline brightens them.
    test = out / 'images/test'
    raw, seen = (cv2.imread(str(test / x)) for x in ('7.jpg', '7_A.jpg'))
    assert seen.mean() > 1.5 * raw.mean()


def test_mistakes(sets, config, dumps, fails):
    night, bright = config('night'), config('night-bright')

    def told(*args):
        return fails(tool, *args)

    a = ['--experiment', 'A', night, dumps[0]]
    assert 'two are called A' in told(*a, *a)
    assert '--experiment a/b: files are called so' in told(
        '--experiment', 'a/b', night, dumps[0]
    )
    assert 'nothing.pth is not a file' in told(
        '--experiment', 'A', night, 'nothing.pth'
    )
    faces = (sets / 'night-bright/label/7.txt').read_text()
    (sets / 'night-bright/label/7.txt').write_text('1\n10 10 30 35\n')
    assert 'B is tested on other faces than A' in told(
        *a, '--experiment', 'B', bright, dumps[1]
    )
    assert faces == '1\n10 10 30 34'
    (sets / 'night-bright/label/7.txt').unlink()
    (sets / 'night-bright/label/12.txt').rename(
        sets / 'night-bright/label/7.txt'
    )
    assert 'B is tested on other images than A' in told(
        *a, '--experiment', 'B', bright, dumps[1]
    )
    (sets / 'a.pkl').write_bytes(b'nothing')
    assert 'A: ' in told(*a) and 'a.pkl' in told(*a)
    (sets / 'night/label/7.txt').write_text('1\n1 2 3\n')
    assert '7.txt:2' in told(*a)


def test_help():
    text = tool.make_parser().format_help()
    assert '--experiment NAME CONFIG RESULT' in text
