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
GET_STARTED = ROOT / 'docs/get_started.md'
TRAIN = ROOT / 'docs/train_your_own.md'
PSEUDO = ROOT / 'docs/pseudo_labels.md'
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
    text = GET_STARTED.read_text(encoding='utf-8')
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


def test_get_started(tmp_path, monkeypatch, capsys):
    """Its lines run, with a network that finds one face in each photo."""

    class OneFace:
        facts = {}

        def predict(self, images, factors):
            return [np.array([[1, 2, 31, 42, 0.98]], np.float32)] * len(images)

    monkeypatch.setattr(face_detector, '_make_backend', lambda *x: OneFace())
    monkeypatch.chdir(tmp_path)
    photo = np.zeros((64, 64, 3), np.uint8)
    Path('photos').mkdir()
    for name in ('photo.jpg', 'photos/a.jpg', 'photos/b.jpg'):
        cv2.imwrite(name, photo)
    Path('photos/broken.jpg').write_text('no photo')
    names = {}
    exec('\n'.join(blocks(GET_STARTED, 'python')), names)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == '<Faces of photo.jpg: 1 face, best score 0.98>'
    assert said[2:4] == ['photos/a.jpg 1', 'photos/b.jpg 1']
    assert said[4].startswith('photos/broken.jpg: ')
    assert Path('faces.jpg').is_file()


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
    assert "# or 'WiderFaceDataset'" in other
    assert "# or 'train_bbx_gt.txt' and 'val_bbx_gt.txt'" in other
    other = other.replace('Coco', 'Wider').replace('.json', '_bbx_gt.txt')
    assert read_set(other, tmp_path) == [train, val]


def test_photos_that_nobody_labelled(tmp_path, monkeypatch):
    """The config trains on a list of teachers beside one of people."""
    from mmdet.registry import DATA_SAMPLERS, DATASETS
    from mmengine.config import Config

    from mmsrn.evaluation.readers import FaceImage, wider_face_text
    from mmsrn.utils import register_all_modules

    register_all_modules()
    monkeypatch.chdir(tmp_path)
    text, shift = (
        x for x in blocks(PSEUDO, 'text') if x.startswith(('_base_', 'dict('))
    )
    base = "_base_ = '../"
    assert text.startswith(base)
    Path('work_dirs').mkdir()
    file = Path('work_dirs/mine.py')
    file.write_text(text.replace(base, f"_base_ = '{ROOT}/"))
    sure, unsure = (10, 5, 20, 30, *[0] * 6), (40, 5, 9, 9, 0, 0, 0, 1, 0, 0)
    for name, faces in (('labelled', [sure]), ('photos', [sure, unsure])):
        path = Path('data/mine', name, 'a.jpg')
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), np.zeros((60, 80, 3), np.uint8))
        listed = wider_face_text([FaceImage('./a.jpg', faces, 0)])
        Path(f'data/mine/{name}_bbx_gt.txt').write_text(listed)
        Path('data/mine/val_bbx_gt.txt').write_text(listed)
    config = Config.fromfile(file)
    dataset = DATASETS.build(config.train_dataloader.dataset)
    assert len(dataset) == 2
    _, other = (x.get_data_info(0)['instances'] for x in dataset.datasets)
    assert [x['ignore_flag'] for x in other] == [0, 1]
    sampler = config.train_dataloader.sampler
    DATA_SAMPLERS.build(sampler, default_args=dict(dataset=dataset, seed=0))
    assert dataset[0]['inputs'].shape == (3, *config.crop)
    test = DATASETS.build(config.test_dataloader.dataset)
    assert len(test) == len(DATASETS.build(config.val_dataloader.dataset)) == 1
    assert config.load_from and config.train_cfg.max_iters == 2000
    moved = dict(config.train_dataloader.dataset.datasets[1])
    moved['pipeline'] = [*config.load, eval(shift)]
    box = DATASETS.build(moved)[0]['gt_bboxes'].tensor[0]
    np.testing.assert_allclose(box, [10, -1, 30, 32.6], atol=1e-5)


def test_options_of_the_labelling():
    """The table has all options of the rule, with their defaults."""
    tool = runpy.run_path(
        str(ROOT / 'tools/dataset_converters/pseudo_label.py')
    )
    text = PSEUDO.read_text(encoding='utf-8')
    told = dict(re.findall(r'^\| `--([a-z-]+)` \| (.+?) \|', text, re.M))
    told.pop('teacher')  # in the table of teachers
    parser = tool['make_parser']()
    (group,) = (x for x in parser._action_groups if x.title == 'rule')
    defaults = {
        x.option_strings[0][2:]: x.default for x in group._group_actions
    }
    assert set(told) == set(defaults)
    for name, default in defaults.items():
        if default is not None:
            first = default[0] if isinstance(default, list) else default
            assert told[name] == f'{first:g}'
