"""WIDER FACE from its text: what becomes of faces, images and mistakes."""

import re

import numpy as np
import pytest
from mmdet.registry import DATASETS
from PIL import Image

from mmsrn.datasets import WiderFaceDataset
from mmsrn.evaluation.readers import ATTRIBUTES, AnnotationError
from mmsrn.utils import register_all_modules

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs'),
]
# x y w h blur expression illumination invalid occlusion pose
GOOD, INVALID, FLAT, NEGATIVE, THIN = (
    (10, 20, 30, 40, 1, 0, 1, 0, 2, 1),
    (50, 6, 7, 8, 0, 1, 0, 1, 0, 0),
    (1, 1, 0, 9, 0, 0, 0, 0, 0, 0),
    (1, 1, 9, -3, 0, 0, 0, 0, 0, 0),
    (2, 2, 3, 12, 2, 0, 0, 0, 1, 0),
)
SET = {
    'a/mixed.jpg': ((90, 70), [GOOD, INVALID, FLAT, NEGATIVE, THIN]),
    'a/ignored.jpg': ((80, 60), [INVALID]),
    'b/empty.jpg': ((64, 100), []),
    'b/small.jpg': ((40, 31), [GOOD]),
}


@pytest.fixture(scope='module', autouse=True)
def registries():
    register_all_modules()


@pytest.fixture
def root(tmp_path):
    """The set above in the official layout, split val."""
    lines = []
    for name, (size, faces) in SET.items():
        path = tmp_path / 'WIDER_val/images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', size).save(path)
        lines += [name, len(faces), *(' '.join(map(str, f)) for f in faces)]
        lines += ['0 0 0 0 0 0 0 0 0 0 '] * (not faces)
    (tmp_path / 'split').mkdir()
    text = '\n'.join(map(str, lines))
    (tmp_path / 'split/val_gt.txt').write_text(text)
    return tmp_path


def build(root, **kwargs):
    args = dict(
        type='WiderFaceDataset',
        data_root=str(root),
        ann_file='split/val_gt.txt',
        data_prefix=dict(img='WIDER_val/images'),
        pipeline=[],
    )
    return DATASETS.build({**args, **kwargs})


@pytest.mark.parametrize(
    'options, expected',
    [
        ({}, [(GOOD, 0), (INVALID, 1), (THIN, 0)]),
        ({'invalid_boxes': 'ignore'}, [(GOOD, 0), (INVALID, 1), (THIN, 0)]),
        ({'invalid_boxes': 'keep'}, [(GOOD, 0), (INVALID, 0), (THIN, 0)]),
        ({'invalid_boxes': 'drop'}, [(GOOD, 0), (THIN, 0)]),
        ({'min_box_size': 3}, [(GOOD, 0), (INVALID, 1), (THIN, 0)]),
        ({'min_box_size': 3.5}, [(GOOD, 0), (INVALID, 1)]),
        ({'min_box_size': 8, 'invalid_boxes': 'keep'}, [(GOOD, 0)]),
        ({'min_box_size': 31}, []),
    ],
)
def test_instances(root, options, expected):
    info = build(root, **options).get_data_info(0)
    assert info['instances'] == [
        dict(
            bbox=[x, y, x + w, y + h],
            bbox_label=0,
            ignore_flag=ignored,
            **dict(zip(ATTRIBUTES, attributes)),
        )
        for (x, y, w, h, *attributes), ignored in expected
    ]


def test_images(root):
    dataset = build(root)
    assert dataset.metainfo['classes'] == ('face',)
    found = {}
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        assert info['img_path'].startswith(str(root / 'WIDER_val/images'))
        found[info['img_id']] = info['width'], info['height']
    assert found == {name[:-4]: size for name, (size, _) in SET.items()}


def test_through_the_pipeline(root):
    """Ignored faces come out as mmdet's assigners expect them."""
    sample = build(root, pipeline=PIPELINE)[0]
    assert sample['inputs'].shape == (3, 70, 90)
    sample = sample['data_samples']
    kept, ignored = sample.gt_instances, sample.ignored_instances
    assert kept.bboxes.tensor.tolist() == [[10, 20, 40, 60], [2, 2, 5, 14]]
    assert kept.labels.tolist() == [0, 0]
    assert ignored.bboxes.tensor.tolist() == [[50, 6, 57, 14]]


@pytest.mark.parametrize(
    'filter_cfg, test_mode, expected',
    [
        (None, False, 'mixed ignored empty small'),
        (dict(), False, 'mixed ignored empty small'),
        (dict(filter_empty_gt=True), False, 'mixed small'),
        (dict(filter_empty_gt=True, min_size=32), True, ''),
        (dict(min_size=31), False, 'mixed ignored empty small'),
        (dict(min_size=32), False, 'mixed ignored empty'),
        (dict(filter_empty_gt=True, min_size=32), False, 'mixed'),
    ],
)
def test_filter(root, filter_cfg, test_mode, expected):
    dataset = build(root, filter_cfg=filter_cfg, test_mode=test_mode)
    ids = [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]
    expected = expected or 'mixed ignored empty small'  # all, in a test
    assert [x.split('/')[1] for x in ids] == expected.split()


def test_sizes_are_kept_beside_the_annotations(root):
    build(root)
    table = root / 'split/image_sizes_val_gt.csv'
    rows = [x.rsplit(',', 2)[0] for x in table.read_text().split()]
    assert sorted(rows) == sorted(
        f'{name},{w},{h}' for name, ((w, h), _) in SET.items()
    )
    # The table is believed: images that have not changed are not opened.
    table.write_text(table.read_text().replace('90,70', '91,71'))
    info = build(root).get_data_info(0)
    assert (info['width'], info['height']) == (91, 71)


def test_sizes_from_a_table_need_no_images(root):
    rows = [f'{name[2:-4]},{w},{h}' for name, ((w, h), _) in SET.items()]
    (root / 'sizes.csv').write_text('\n'.join(rows))
    kwargs = dict(image_sizes='sizes.csv', data_prefix=dict(img='nowhere'))
    info = build(root, **kwargs).get_data_info(2)
    assert (info['width'], info['height']) == SET['b/empty.jpg'][0]
    (root / 'sizes.csv').write_text('\n'.join(rows[1:3]))
    with pytest.raises(
        AnnotationError, match=r'sizes.csv: 2 images of .*\(first: a/mixed.j'
    ):
        build(root, **kwargs)


@pytest.mark.parametrize(
    'options, where, what',
    [
        (
            dict(data_prefix=dict(img='WIDER_val/image')),
            'WIDER_val/image',
            'no such folder of images; data/README.md shows the layout',
        ),
        (
            dict(data_prefix=dict(img='split')),
            'split',
            'has none of the 4 images',
        ),
        (dict(ann_file='split/gt.txt'), 'split/gt.txt', 'no such file'),
        (dict(image_sizes='no.csv'), 'no.csv', 'no such file'),
    ],
)
def test_wrong_paths(root, options, where, what):
    with pytest.raises(AnnotationError, match=re.escape(what)) as info:
        build(root, **options)
    assert str(info.value).startswith(f'{root / where}: ')


@pytest.mark.parametrize(
    'content, what', [(None, 'no such image'), (b'GIF8', 'not a readable')]
)
def test_bad_image(root, content, what):
    path = root / 'WIDER_val/images/b/small.jpg'
    path.unlink()
    if content:
        path.write_bytes(content)
    with pytest.raises(AnnotationError, match=f'{path}: {what}'):
        build(root)


def test_malformed_annotations(root):
    path = root / 'split/val_gt.txt'
    path.write_text(path.read_text().replace('10 20 30', '10 20'))
    with pytest.raises(AnnotationError, match=f'{path}:3: expected 10 int'):
        build(root)


def test_unknown_option():
    with pytest.raises(ValueError, match="'drop', got 'hide'"):
        WiderFaceDataset(ann_file='', invalid_boxes='hide', lazy_init=True)


@pytest.mark.parametrize('split, total', [('train', 12_880), ('val', 3_226)])
def test_real_annotations(shared, split, total):
    folder = shared / 'data/widerface'
    name = f'wider_face_split/wider_face_{split}_bbx_gt.txt'
    rows = [x.split() for x in (folder / name).read_text().splitlines()]
    faces = np.array([x for x in rows if len(x) == 10], int)
    area = (faces[:, 2] > 0) & (faces[:, 3] > 0)
    dataset = build(
        folder,
        ann_file=name,
        image_sizes='wider_face_split/image_sizes.csv',
        test_mode=True,
    )
    assert len(dataset) == total
    found, flags, inside = [], [], 0
    for i in range(total):
        info = dataset.get_data_info(i)
        for x in info['instances']:
            found.append(x['bbox'] + [x[key] for key in ATTRIBUTES])
            flags.append(x['ignore_flag'])
            cx, cy = (x['bbox'][0] + x['bbox'][2], x['bbox'][1] + x['bbox'][3])
            inside += cx <= 2 * info['width'] and cy <= 2 * info['height']
    expected = faces[area]
    expected[:, 2:4] += expected[:, :2]
    assert (np.array(found) == expected).all()
    assert (np.array(flags) == expected[:, 7]).all()
    # Sizes belong to their images: faces lie inside.
    assert inside > 0.999 * len(found)


def test_set_of_ones_own(tmp_path, monkeypatch):
    """Images without a folder, x y w h alone, boxes over the edge."""
    told = []
    monkeypatch.setattr(
        'mmsrn.datasets.face_labels.print_log',
        lambda text, *_: told.append(text),
    )
    Image.new('RGB', (40, 30)).save(tmp_path / 'a.jpg')
    (tmp_path / 'gt.txt').write_text(
        'a.jpg\n4\n1.5 2 10 10\n30 20 13 9\n5 5 -3 4\n9 9 0 3\n'
    )
    dataset = build(tmp_path, ann_file='gt.txt', data_prefix=dict(img=''))
    info = dataset.get_data_info(0)
    assert info['img_id'] == 'a'
    assert [x['bbox'] for x in info['instances']] == [
        [1.5, 2, 11.5, 12],
        [30, 20, 40, 29],
    ]
    assert [x.partition('gt.txt: ')[2] for x in told] == [
        'boxes reach out of their image and are cut: 1 (a.jpg)',
        'boxes with exchanged corners or a negative side are dropped: 1 '
        '(a.jpg)',
        'boxes without area are dropped: 1 (a.jpg)',
    ]


def build_own(folder, text, **kwargs):
    (folder / 'own.txt').write_text(text)
    Image.new('RGB', (60, 50)).save(folder / 'a.jpg')
    return WiderFaceDataset(
        data_root=str(folder),
        ann_file='own.txt',
        data_prefix=dict(img=''),
        **kwargs,
    )


def test_photos_without_faces(tmp_path):
    dataset = build_own(tmp_path, 'a.jpg\n1\n0 0 0 0\n', test_mode=True)
    assert dataset.get_data_info(0)['instances'] == []


@pytest.mark.parametrize(
    'text, what',
    [
        ('a.jpg\n1\n.1 .2 .3 .4\n'.replace(' .', ' 0.').replace('\n.', '\n0.'),
         'own.txt: all 1 boxes are between 0 and 0.6, and seem to be shares'),
        (f'{"x" * 300}.jpg\n1\n1 2 3 4\n', 'has none of the 1 images'),
        (f'a.jpg\n1\n1 2 3 4\n{"x" * 300}.jpg\n0\n', 'File name too long'),
        ('a.jpg\n1\n1 2 3 4\nx\0.jpg\n0\n', 'null byte'),
    ],
)  # fmt: skip
def test_odd_sets_of_ones_own(tmp_path, text, what):
    with pytest.raises(AnnotationError, match=what):
        build_own(tmp_path, text)
