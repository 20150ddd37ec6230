"""The numbers of a detector whose mistakes are known."""

import json

import cv2
import numpy as np
import pytest

from mmsrn.apis import FaceDetector, face_detector

TOOL = 'analysis_tools/measure_detector.py'
CONFIG = """
test_dataloader = dict(dataset=dict(
    type='VOCFaceDataset', data_root={root!r}, ann_file='list.txt',
    data_prefix=dict(sub_data_root=''), test_mode=True, pipeline=[]))
test_evaluator = dict(
    type='CocoMetric', metric='bbox', proposal_nums=(100, 300, 1000))
"""
XML = """<annotation><size><width>100</width><height>80</height>
<depth>3</depth></size>{}</annotation>"""
OBJECT = """<object><name>face</name><difficult>0</difficult><bndbox>
<xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax>
</bndbox></object>"""
FACES = [(10, 10, 40, 40), (60, 10, 90, 40)]


@pytest.fixture
def tool(load_tool):
    return load_tool(TOOL)


@pytest.fixture
def config(tmp_path):
    for name in ('images', 'annotations'):
        (tmp_path / name).mkdir()
    photo = np.full((80, 100, 3), 200, np.uint8)
    for name in 'ab':
        cv2.imwrite(str(tmp_path / f'images/{name}.png'), photo)
        # VOC counts pixels from 1.
        boxes = (OBJECT.format(*(v + 1 for v in x)) for x in FACES)
        text = XML.format(''.join(boxes))
        (tmp_path / f'annotations/{name}.xml').write_text(text)
    (tmp_path / 'list.txt').write_text('a\nb\n')
    path = tmp_path / 'config.py'
    path.write_text(CONFIG.format(root=str(tmp_path)))
    return path


class OneInTwo:
    """Finds the first face, and something else; in the dark nothing."""

    facts = dict(score_thr=0.5, test_scale='original')

    def predict(self, images):
        rows = [(10, 10, 40, 40, 0.9), (0, 60, 20, 80, 0.4)]
        return [
            np.array(rows if x.mean() > 150 else [], np.float32).reshape(-1, 5)
            for x in images
        ]


@pytest.fixture
def detector(monkeypatch):
    monkeypatch.setattr(
        face_detector, '_make_backend', lambda *args: OneInTwo()
    )


def test_run(tool, config, detector, tmp_path, capsys):
    tool.main(
        [str(config), 'x.onnx', '--json', str(tmp_path / 'a.json')]
        + ['--pictures', str(tmp_path / 'pictures')]
    )
    day, dark = json.loads((tmp_path / 'a.json').read_text())
    # One of two, always exactly: precision 1 up to recall 0.5, of COCO's 101
    # recalls the first 51.
    assert day['mAP'] == day['mAP_50'] == pytest.approx(51 / 101, abs=1e-3)
    assert day['score_thr'] == pytest.approx(0.9)
    assert (day['precision'], day['recall']) == (1, 0.5)
    assert day['f1'] == pytest.approx(2 / 3) and day['photos'] == 2
    assert dark['mAP'] <= 0 and dark['f1'] is None
    assert dark['light'] == 'dark' and dark['model'] == 'x.onnx'
    for light in ('day', 'dark'):
        folder = tmp_path / f'pictures/x.onnx_None_{light}_none'
        assert {x.name for x in folder.iterdir()} == {'0_a.png', '1_b.png'}
    out = capsys.readouterr().out
    assert out.count('x.onnx') == 2 and 'Average Precision' not in out


def test_best_f1(tool):
    def photo(boxes, scores, faces):
        boxes = np.array(boxes, float).reshape(-1, 4)
        return dict(
            boxes=boxes,
            scores=np.array(scores),
            faces=np.array(faces),
            ignored=np.array([[70, 60, 95, 75]]),
        )

    photos = [
        photo([FACES[0], (0, 50, 9, 60), FACES[1]], [0.9, 0.6, 0.3], FACES),
        photo(
            [(50, 50, 80, 80), (70, 60, 95, 75), FACES[0]],
            [0.8, 0.7, 0.5],
            FACES[:1],
        ),
    ]
    # By falling score: hit, miss, ignored, miss, hit, hit of three faces.
    best = tool.best_f1(photos)
    assert best['score_thr'] == 0.3 and best['recall'] == 1
    assert best['precision'] == pytest.approx(3 / 5)
    assert best['f1'] == pytest.approx(0.75)


@pytest.mark.parametrize(
    'args, words',
    [
        (['no.py'], 'no.py'),
        (['{config}', 'no.onnx'], 'there is no such file'),
        (['{config}', 'x.onnx', '--scale', 'huge'], "scale='huge'"),
        (['{config}', 'x.onnx', '--enhance', 'msrc'], 'did you mean'),
    ],
)
def test_errors(tool, config, request, fails, args, words):
    if 'x.onnx' in args:
        request.getfixturevalue('detector')
    message = fails(tool, *(x.format(config=config) for x in args))
    assert words in message.splitlines()[-1]


def test_default_is_the_shipped_model(tool, config, monkeypatch):
    asked = []

    def make(model, **options):
        asked.append(model)
        raise ValueError('stop')

    monkeypatch.setattr('mmsrn.FaceDetector', make, raising=False)
    with pytest.raises(SystemExit):
        tool.main([str(config)])
    assert asked == ['srn_mobilenetv2'] and FaceDetector is not make
