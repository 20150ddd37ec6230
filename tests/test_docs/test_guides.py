"""The guides: what they tell to type works, on a set of two photos."""

import inspect
import re
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmsrn import FaceDetector
from mmsrn.apis import face_detector

ROOT = Path(__file__).resolve().parents[2]
QUICK_START = ROOT / 'docs/quick_start.md'
TRAIN = ROOT / 'docs/train_your_own.md'
CONFIG = 'configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
PHOTOS = [f'photo_{i}' for i in range(5)]
XML = """<annotation>
<size><width>80</width><height>60</height></size>
<object><name>anybody</name><bndbox><xmin>11</xmin><ymin>6</ymin>
<xmax>31</xmax><ymax>36</ymax></bndbox></object>
</annotation>"""
FACE = [10, 5, 30, 35]


def blocks(page, language):
    text = page.read_text(encoding='utf-8')
    return re.findall(rf'^```{language}\n(.*?)^```$', text, re.M | re.S)


def test_index_names_every_page():
    """No page of the folder is missing in its table."""
    text = (ROOT / 'docs/README.md').read_text(encoding='utf-8')
    pages = {x.name for x in ROOT.glob('docs/*.md')}
    missing = (
        pages
        - {'README.md', 'index.md'}
        - set(re.findall(r'\]\((\w+\.md)\)', text))
    )
    assert not missing


def test_options_of_the_detector():
    """The table has all options, with their defaults."""
    text = QUICK_START.read_text(encoding='utf-8')
    rows = re.findall(r'^\| (`[a-z_`, ]+`) \| (.+?) \| ', text, re.M)
    told = {
        name: default
        for names, default in rows
        for name in re.findall(r'`(\w+)`', names)
    }
    parameters = inspect.signature(FaceDetector).parameters
    options = {
        name: x.default
        for name, x in parameters.items()
        if x.kind is x.KEYWORD_ONLY
    }
    assert 'channel_order' in text
    options.pop('channel_order')  # in the table of what goes in
    assert set(told) == set(options)
    for name, default in options.items():
        if default is not None and name != 'min_size':
            assert told[name] == f'`{default!r}`'
    assert told['min_size'] == '`0`, none'


def test_quick_start(tmp_path, monkeypatch, capsys):
    """Its lines run, with a network that finds one face in each photo."""

    class OneFace:
        facts = {}

        def predict(self, images):
            return [np.array([[1, 2, 31, 42, 0.98]], np.float32)] * len(images)

    monkeypatch.setattr(face_detector, '_make_backend', lambda *x: OneFace())
    monkeypatch.chdir(tmp_path)
    photo = np.zeros((64, 64, 3), np.uint8)
    Path('photos').mkdir()
    for name in ('photo.jpg', 'photos/a.jpg', 'photos/b.jpg'):
        cv2.imwrite(name, photo)
    Path('photos/broken.jpg').write_text('no photo')
    names = {}
    exec('\n'.join(blocks(QUICK_START, 'python')), names)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == '<Faces of photo.jpg: 1 face, best score 0.98>'
    assert said[2:4] == ['photos/a.jpg 1', 'photos/b.jpg 1']
    assert said[4].startswith('photos/broken.jpg: ')
    assert Path('faces.jpg').is_file() and Path('faces.json').is_file()


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Five photos with a face each, labelled as VOC."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / 'data/mine'
    for name in ('images', 'annotations'):
        (root / name).mkdir(parents=True)
    for name in PHOTOS:
        cv2.imwrite(
            str(root / f'images/{name}.jpg'), np.zeros((60, 80, 3), np.uint8)
        )
        (root / f'annotations/{name}.xml').write_text(XML)
    split = blocks(TRAIN, 'python')[0]
    exec(split, {})
    return root


def read_set(text, folder):
    """Names and boxes of both parts of a config."""
    from mmdet.registry import DATASETS
    from mmengine.config import Config

    from mmsrn.utils import register_all_modules

    register_all_modules()
    file = folder / 'config.py'
    base = "_base_ = './srn_mobilenetv2_fpn_1xb16-10e_facemask.py'"
    assert base in text
    file.write_text(text.replace(base, f'_base_ = {str(ROOT / CONFIG)!r}'))
    config = Config.fromfile(file)
    parts = []
    for loader in (config.train_dataloader, config.val_dataloader):
        dataset = DATASETS.build(dict(loader.dataset, pipeline=[]))
        items = [dataset.get_data_info(i) for i in range(len(dataset))]
        assert dataset.metainfo['classes'] == ('face',)
        for item in items:
            (instance,) = item['instances']
            assert list(instance['bbox']) == FACE
            assert instance['bbox_label'] == 0
        parts.append({Path(x['img_path']).stem for x in items})
    return parts


def test_layouts_of_labels(mine, tmp_path, monkeypatch):
    """All three are read, after the steps of the page, and are one set."""
    voc, other = blocks(TRAIN, 'text')[-2:]
    train, val = read_set(voc, tmp_path)
    assert train | val == set(PHOTOS) and len(val) == 1 and not train & val

    tool = ROOT / 'tools/dataset_converters/voc_to_coco.py'
    monkeypatch.syspath_prepend(str(tool.parent))
    for part in ('train', 'val'):
        monkeypatch.setattr(sys, 'argv', ['', 'data/mine', f'{part}.txt'])
        runpy.run_path(str(tool), run_name='__main__')
    assert read_set(other, tmp_path) == [train, val]

    x, y, x2, y2 = FACE
    for part, names in (('train', train), ('val', val)):
        lines = [
            f'party/{name}.jpg\n1\n{x} {y} {x2 - x} {y2 - y} 0 0 0 0 0 0'
            for name in sorted(names)
        ]
        (mine / f'{part}_bbx_gt.txt').write_text('\n'.join(lines) + '\n')
    (mine / 'images').rename(mine / 'party')
    (mine / 'images').mkdir()
    (mine / 'party').rename(mine / 'images/party')
    for alternative in re.findall(r"'.*', +# or ('\S+')", other):
        other = re.sub(
            rf"'[\w.]+', +# or {alternative}", f'{alternative},', other
        )
    assert 'WiderFaceDataset' in other and '.json' not in other
    assert read_set(other, tmp_path) == [train, val]
