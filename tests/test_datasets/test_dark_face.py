"""DARK FACE: both layouts, splits, images without labels, and mistakes."""

import re

import cv2
import numpy as np
import pytest
from mmdet.registry import DATASETS, METRICS
from mmengine.structures import InstanceData
from PIL import Image

from mmsrn.evaluation.readers import (
    AnnotationError,
    dark_face_splits,
    read_dark_face,
)
from mmsrn.evaluation.readers.dark_face_splits import PublishedSplit
from mmsrn.utils import register_all_modules

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'instances'),
    ),
]
# x1 y1 x2 y2
FACES = {
    '9': [(10, 20, 40, 60), (2, 2, 5, 14), (1, 1, 1, 8)],
    '10': [],
    '100': [(0, 0, 30, 31)],
}
SIZES = {'9': (90, 70), '10': (80, 60), '100': (40, 31)}


@pytest.fixture(scope='module', autouse=True)
def registries():
    register_all_modules()


@pytest.fixture
def root(tmp_path):
    """The set above in both layouts."""
    (tmp_path / 'image').mkdir()
    (tmp_path / 'label').mkdir()
    lines = []
    for name, faces in FACES.items():
        Image.new('RGB', SIZES[name]).save(tmp_path / f'image/{name}.png')
        rows = [' '.join(map(str, face)) for face in faces]
        text = '\n'.join([str(len(faces)), *rows])
        (tmp_path / f'label/{name}.txt').write_text(text)
        rows = [f'{a} {b} {c - a} {d - b} 1' for a, b, c, d in faces]
        lines.append(' '.join([f'{name}.png {len(faces)}', *rows]))
    (tmp_path / 'list.txt').write_text('\n'.join(lines))
    (tmp_path / 'ids.txt').write_text('100\n9.png\n')
    return tmp_path


def build(root, **kwargs):
    args = dict(type='DarkFaceDataset', data_root=str(root), pipeline=[])
    return DATASETS.build({**args, **kwargs})


def infos(dataset):
    return {
        info['img_id']: info
        for info in (dataset.get_data_info(i) for i in range(len(dataset)))
    }


@pytest.mark.parametrize('ann_file', ['label/', 'label', 'list.txt'])
@pytest.mark.parametrize('test_mode', [False, True])
def test_both_layouts(root, ann_file, test_mode):
    """Boxes without area stay in tests: the official tool counts them."""
    found = infos(build(root, ann_file=ann_file, test_mode=test_mode))
    assert list(found) == list(FACES)
    for name, info in found.items():
        assert info['img_path'] == str(root / f'image/{name}.png')
        assert (info['width'], info['height']) == SIZES[name]
        assert info['instances'] == [
            dict(bbox=list(face), bbox_label=0, ignore_flag=0)
            for face in FACES[name]
            if test_mode or face[0] < face[2]
        ]


@pytest.mark.parametrize(
    'options, expected',
    [
        (dict(min_box_size=3), [2, 0, 1]),
        (dict(min_box_size=3.5), [1, 0, 1]),
        (dict(min_box_size=31), [0, 0, 0]),
        (dict(filter_cfg=dict(filter_empty_gt=True)), [2, 1]),
        (
            dict(filter_cfg=dict(filter_empty_gt=True), test_mode=True),
            [3, 0, 1],
        ),
        (dict(filter_cfg=dict(min_size=32)), [2, 0]),
        (dict(split='ids.txt'), [1, 2]),
    ],
)
def test_options(root, options, expected):
    found = infos(build(root, **options)).values()
    assert [len(info['instances']) for info in found] == expected


def test_through_the_pipeline(root):
    sample = build(root, pipeline=PIPELINE)[0]
    assert sample['inputs'].shape == (3, 70, 90)
    boxes = sample['data_samples'].gt_instances.bboxes.tensor
    assert boxes.tolist() == [[10, 20, 40, 60], [2, 2, 5, 14]]


def test_annotations_are_the_ground_truth_of_the_metric(root):
    """As the label files are."""
    dataset = build(root, pipeline=PIPELINE, test_mode=True)
    assert dataset.metainfo['classes'] == ('face',)
    samples = []
    for item in dataset:
        sample = item['data_samples']
        faces = np.array(FACES[sample.img_id], np.float32).reshape(-1, 4)
        found = faces[:1]
        sample.pred_instances = InstanceData(
            bboxes=found,
            scores=np.full(len(found), 0.7 - len(samples) / 10),
            labels=np.zeros(len(found), int),
        )
        samples.append(sample.to_dict())
    numbers = []
    for gt_dir in (None, 'label', 'list.txt'):
        gt_dir = gt_dir and str(root / gt_dir)
        metric = METRICS.build(dict(type='DarkFaceMetric', gt_dir=gt_dir))
        metric.dataset_meta = dataset.metainfo
        metric.process({}, samples)
        numbers.append(metric.evaluate(len(samples))['dark_face/ap'])
    assert numbers == [0.5] * 3  # 2 of 4 faces


def test_images_without_labels(root):
    options = dict(ann_file='', test_mode=True)
    found = infos(build(root, **options))
    assert list(found) == ['9', '10', '100']  # by number
    assert all(info['instances'] == [] for info in found.values())
    assert list(infos(build(root, split='ids.txt', **options))) == ['100', '9']
    with pytest.raises(ValueError, match='not trained with'):
        build(root, ann_file='')
    with pytest.raises(AnnotationError, match=r'label: has no image \*.png'):
        build(root, data_prefix=dict(img='label'), **options)


def test_processed_copy(root):
    """Another folder, or another root; with another suffix if need be."""
    (root / 'image').rename(root / 'msrcr')
    (root / 'msrcr/9.png').rename(root / 'msrcr/9.jpg')
    options = dict(data_prefix=dict(img='msrcr/'), split='nine.txt')
    (root / 'nine.txt').write_text('9')
    (info,) = infos(build(root, img_suffix='.jpg', **options)).values()
    assert info['img_path'] == str(root / 'msrcr/9.jpg')
    with pytest.raises(AnnotationError, match='has none of the 1 images of'):
        build(root, **options)


def test_sizes_are_kept_beside_the_annotations(root):
    build(root)
    table = root / 'image_sizes_image_label.csv'
    rows = [x.rsplit(',', 2)[0] for x in table.read_text().split()]
    assert sorted(rows) == sorted(
        f'{name}.png,{w},{h}' for name, (w, h) in SIZES.items()
    )
    table.write_text(table.read_text().replace('90,70', '91,71'))
    info = infos(build(root))['9']
    assert (info['width'], info['height']) == (91, 71)
    build(root, split='ids.txt')
    build(root, ann_file='list.txt')
    build(root, ann_file='', test_mode=True)
    assert {x.name for x in root.glob('*.csv')} == {
        f'image_sizes_image{x}.csv' for x in ('_label', '_ids', '_list', '')
    }
    (root / 'twice').mkdir()
    for name, (width, height) in SIZES.items():
        image = np.zeros((2 * height, 2 * width, 3), np.uint8)
        cv2.imwrite(str(root / f'twice/{name}.png'), image)
    info = infos(build(root, data_prefix=dict(img='twice/')))['9']
    assert (info['width'], info['height']) == (180, 140)


@pytest.fixture
def small_split(monkeypatch):
    """A published list of two images with three faces."""
    monkeypatch.setitem(
        dark_face_splits.PUBLISHED_SPLITS,
        '5000_1000/test',
        PublishedSplit(2, 4, 'somewhere'),
    )
    return '5000_1000/test'


def test_published_split(root, small_split, caplog):
    file = root / 'split_5000_1000_test.txt'
    with pytest.raises(
        AnnotationError, match='no such file. Copy the pub'
    ) as e:
        build(root, split=small_split)
    assert str(e.value).startswith(f'{file}: ')
    assert "split='own_5000_1000/test'" in str(e.value)
    # A published list, or the names alone.
    for text in ('100.png 1 0 0 30 31 1\n9.png 0\n', '100\n9'):
        file.write_text(text)
        assert list(infos(build(root, split=small_split))) == ['100', '9']
    assert (root / 'image_sizes_image_5000_1000_test.csv').is_file()
    file.write_text('100\n')
    with pytest.raises(AnnotationError, match='has 1 images, the published l'):
        build(root, split=small_split)
    file.write_text('100\n11\n')
    with pytest.raises(AnnotationError, match='first missing: 11.*complete'):
        build(root, split=small_split)


def test_other_faces_than_published(root, small_split, monkeypatch):
    """Pseudo labels go round under similar names."""
    told = []
    monkeypatch.setattr(
        'mmsrn.datasets.dark_face.print_log',
        lambda text, *_: told.append(text),
    )
    (root / 'split_5000_1000_test.txt').write_text('9\n100\n')
    build(root, split=small_split)
    assert told == []
    (root / 'label/100.txt').write_text('0\n')
    build(root, split=small_split)
    assert '3 faces in the split 5000_1000/test, published 4' in told[0]


@pytest.mark.parametrize(
    'options, where, what',
    [
        (dict(ann_file='labels/'), 'labels', 'no such folder'),
        (dict(ann_file='image/'), 'image', 'has no label file NAME.txt'),
        (dict(split='no.txt'), 'no.txt', 'no such list of images'),
        (dict(data_prefix=dict(img='images')), 'images', 'no such folder of'),
        (dict(data_prefix=dict(img='label')), 'label', 'has none of the 3'),
    ],
)
def test_wrong_paths(root, options, where, what):
    with pytest.raises(AnnotationError, match=re.escape(what)) as info:
        build(root, **options)
    assert str(info.value).startswith(f'{root / where}')


def test_unknown_split(root):
    with pytest.raises(
        ValueError, match='one of 5000_1000/train, .* got .tra'
    ):
        build(root, split='train')


def test_missing_image(root):
    (root / 'image/10.png').unlink()
    with pytest.raises(AnnotationError, match='10.png: no such image'):
        build(root)


@pytest.mark.parametrize('name', ['5000_1000/test', '5500_500/val'])
def test_real_split(shared, name, tmp_path):
    """The same from the list alone, and by name with labels elsewhere."""
    folder = shared / 'data/darkface'
    published = dark_face_splits.PUBLISHED_SPLITS[name]
    table = tmp_path / 'sizes.csv'
    table.write_text(''.join(f'{i},1080,720\n' for i in range(1, 6001)))
    file = dark_face_splits.split_file(name)
    options = dict(ann_file=file, image_sizes=str(table))
    found = infos(build(folder, **options))
    assert len(found) == published.images
    faces = [x['instances'] for x in found.values()]
    assert sum(map(len, faces)) == published.faces
    assert infos(build(folder, split=name, **options)) == found
    truth = read_dark_face(folder / file)
    assert [[x['bbox'] for x in image] for image in faces] == [
        boxes.tolist() for boxes in truth.settings['ap'].faces
    ]
    for info in found.values():
        boxes = np.array([x['bbox'] for x in info['instances']])
        assert (boxes[:, 2:] <= (1080, 720)).all() and (boxes >= 0).all()
