"""COCO json of other tools: categories folded, and what can be wrong."""

import json

import pytest
from mmdet.registry import DATASETS
from PIL import Image

import mmsrn.datasets  # noqa: F401
from mmsrn.evaluation.readers import AnnotationError

SIZE = (60, 50)
IMAGE = dict(id=1, file_name='one.jpg', width=60, height=50)
OTHER = dict(id=2, file_name='two.jpg', width=60, height=50)
FACE = dict(
    id=1, image_id=1, category_id=1, bbox=[10, 20, 30.5, 25], area=762.5
)


def coco(images=(IMAGE,), annotations=(FACE,), categories='face', **more):
    if isinstance(categories, str):
        categories = [dict(id=1, name=categories)]
    content = dict(images=images, annotations=annotations, **more)
    if categories is not None:
        content['categories'] = categories
    return content


@pytest.fixture
def build(tmp_path):
    """Function that writes a set and builds its dataset."""

    def run(content, images=('one.jpg', 'two.jpg'), **kwargs):
        for name in images:
            path = tmp_path / 'images' / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new('RGB', SIZE).save(path)
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        (tmp_path / 'val.json').write_bytes(content)
        args = dict(
            type='CocoFaceDataset',
            data_root=str(tmp_path),
            ann_file='val.json',
            data_prefix=dict(img='images'),
        )
        return DATASETS.build(args | kwargs)

    return run


INSTANCE = dict(bbox=[10, 20, 40.5, 45], bbox_label=0, ignore_flag=0)


def test_plain(build, tmp_path):
    info = build(coco()).get_data_info(0)
    info.pop('sample_idx')
    assert info == dict(
        img_id=1,
        img_path=str(tmp_path / 'images/one.jpg'),
        width=60,
        height=50,
        instances=[INSTANCE],
    )


@pytest.mark.parametrize(
    'category, class_map',
    [
        ('face', None),
        ('Face', None),
        ('person', {'person': 'face'}),
        ('person', {'*': 'face'}),
        ('0', {'0': 'face'}),
        (None, {'*': 'face'}),
        (None, {'1': 'face'}),
        ([dict(id=1)], {'1': 'face'}),
        ([dict(id=1, name='')], {'1': 'face'}),
        ([dict(id='1', name='Face')], None),
    ],
)
def test_categories(build, category, class_map):
    dataset = build(coco(categories=category), class_map=class_map)
    assert dataset.get_data_info(0)['instances'] == [INSTANCE]
    assert dataset.metainfo['classes'] == ('face',)


def test_several_categories(build):
    names = [dict(id=i, name=x) for i, x in enumerate(('cat', 'a', 'b'))]
    boxes = [dict(FACE, category_id=i) for i in (1, 2, 1)]
    found = build(
        coco(annotations=boxes, categories=names),
        class_map={'a': 'face', '*': 'covered'},
        metainfo=dict(classes=('covered', 'face')),
    ).get_data_info(0)
    assert [x['bbox_label'] for x in found['instances']] == [1, 0, 1]
    # What is listed and never used needs no class.
    build(
        coco(annotations=boxes[::2], categories=names), class_map={'a': 'face'}
    )
    with pytest.raises(AnnotationError) as info:
        build(
            coco(annotations=boxes, categories=names), class_map={'a': 'face'}
        )
    assert "val.json: annotations[1]: class 'b' is not one of" in str(
        info.value
    )
    assert "class_map={'b': 'face'}" in str(info.value)


@pytest.mark.parametrize('ids', [('1', 1), (1, '1'), ('a', 'a'), (1.0, 1)])
def test_ids_of_mixed_types(build, ids):
    found = build(
        coco([dict(IMAGE, id=ids[0])], [dict(FACE, image_id=ids[1])])
    ).get_data_info(0)
    assert found['instances'] == [INSTANCE] and found['img_id'] == ids[0]


@pytest.mark.parametrize('missing', ['area', 'iscrowd', 'id'])
def test_keys_that_may_be_missing(build, missing):
    face = {k: v for k, v in FACE.items() if k != missing}
    for size in ({}, dict(width=60), dict(width=None, height=None)):
        image = dict(id=1, file_name='one.jpg', **size)
        info = build(coco([image], [face])).get_data_info(0)
        assert (info['width'], info['height']) == SIZE
        assert info['instances'] == [INSTANCE]


@pytest.mark.parametrize(
    'name',
    [
        'images/one.jpg',
        'deep\\er\\one.jpg',
        'C:\\Users\\me\\one.jpg',
        '/home/me/set/images/one.jpg',
        './one.jpg',
        'one',
        'one.JPG',
    ],
)
def test_file_names(build, name, tmp_path):
    info = build(coco([dict(IMAGE, file_name=name)])).get_data_info(0)
    assert info['img_path'] == str(tmp_path / 'images/one.jpg')


def test_folders_that_the_names_lack(build, tmp_path):
    files = ('a/one.jpg', 'b/two.jpg')
    info = build(coco([IMAGE]), files).get_data_info(0)
    assert info['img_path'] == str(tmp_path / 'images/a/one.jpg')
    with pytest.raises(AnnotationError) as info:
        build(coco([IMAGE]), ('a/one.jpg', 'b/one.jpg'))
    assert 'images[0]: one.jpg may mean a/one.jpg or b/one.jpg' in str(
        info.value
    )
    image = dict(IMAGE, file_name='b/one.jpg')
    info = build(coco([image]), files).get_data_info(0)
    assert info['img_path'] == str(tmp_path / 'images/b/one.jpg')


def test_crowds_and_attributes(build):
    boxes = [
        dict(FACE, iscrowd=1, blur=2, pose=1, track_id=7),
        dict(FACE, ignore=1),
    ]
    found = build(coco(annotations=boxes)).get_data_info(0)['instances']
    ignored = dict(INSTANCE, ignore_flag=1)
    assert found == [dict(ignored, blur=2, pose=1), ignored]


def test_boxes_that_are_mended(build, told):
    boxes = [[-2, -2, 30, 30], [5, 5, -3, 4], [1, 1, 0, 9], [0, 0, 60.9, 50]]
    boxes = [dict(FACE, bbox=x) for x in boxes]
    found = build(coco(annotations=boxes), min_box_size=5).get_data_info(0)
    assert [x['bbox'] for x in found['instances']] == [
        [0, 0, 28, 28],
        [0, 0, 60, 50],
    ]
    assert len(told) == 3
    assert 'reach out of their image and are cut: 1 (' in told[0]
    assert 'a negative side are dropped: 1 (' in told[1]
    assert 'without area are dropped: 1 (' in told[2]


def test_sizes_that_are_not_those_of_the_images(build, told):
    three = dict(OTHER, id=3, file_name='three.jpg')
    images = [dict(IMAGE, width=600, height=500), OTHER, three]
    files = ('one.jpg', 'two.jpg', 'three.jpg')
    far = dict(FACE, bbox=[100, 200, 300, 250])
    boxes = [far, dict(FACE, image_id=2), dict(FACE, image_id=3)]
    info = build(coco(images, boxes), files).get_data_info(0)
    assert (info['width'], info['height']) == SIZE
    assert info['instances'] == []
    assert '1 of 3 images have another size' in told[0]
    assert '600 x 500 stated, 60 x 50 found' in told[0]
    images[1] = dict(OTHER, width=600, height=500)
    with pytest.raises(AnnotationError, match='2 of 3 images have another'):
        build(coco(images, boxes), files)
    told.clear()
    build(coco(images, boxes[2:]), files)  # there is no box to be wrong
    assert not told


@pytest.mark.parametrize(
    'content, what',
    [
        (b'', ':1: not json'),
        (b'{"images": [', ':1: not json'),
        (b'\xff\xfe', ':1: not json'),
        (b'\xff', ': not json'),
        (b'[' * 100_000, ': not json'),
        (b'[]', ': is no COCO annotation: it has no images, but is a list'),
        (dict(annotations=[]), ': is no COCO annotation: it has no images'),
        (coco(images={}), ': images is no list but a dict'),
        (coco(images=[]), ': has no image'),
        (coco(images=[3]), ': images[0]: is no object but a int'),
        (coco([dict(IMAGE, id=None)]), ': images[0]: id is no id but null'),
        (coco([dict(IMAGE, id=1.5)]), ': images[0]: id is no id but 1.5'),
        (coco([IMAGE, IMAGE]), ": images[1]: has the id '1' of "),
        (coco([dict(id=1)]), ': images[0]: has no file_name'),
        (
            coco([dict(IMAGE, width='6')]),
            ': images[0]: width must be a number of pixels, not "6"',
        ),
        (
            coco([dict(IMAGE, file_name='x.jpg')]),
            ': images[0]: x.jpg is no image in ',
        ),
        (
            coco(annotations=[dict(FACE, image_id=7)]),
            ": annotations[0]: is of image_id '7', which no image has",
        ),
        (coco(annotations=[{}]), ': annotations[0]: image_id is no id but nu'),
        *(
            (
                coco(annotations=[dict(FACE, bbox=box)]),
                f': annotations[0]: bbox must be x, y, width, height in '
                f'pixels, not {json.dumps(box)[:60]}',
            )
            for box in (
                [],
                None,
                '1234',
                [1, 2, 3],
                [1, 2, 3, 4, 5],
                [1, 2, 3, '4'],
                [1, 2, 3, None],
                [1, 2, 3, True],
                [1, 2, 3, 10**400],
                [1, 2, 3, 1e300],
            )
        ),
        (
            json.dumps(coco()).replace('30.5', '1e400').encode(),
            ': annotations[0]: bbox must be',
        ),
        (
            coco(annotations=[dict(FACE, category_id=[1])]),
            ': annotations[0]: category_id is no id but [1]',
        ),
        (
            coco(annotations=[dict(FACE, bbox=[70, 1, 9, 9])]),
            ': images[0]: object 1: its box [70, 1, 79, 10] lies outside the '
            'image, 60 x 50 pixels',
        ),
    ],
)
def test_what_is_wrong(build, tmp_path, content, what):
    with pytest.raises(AnnotationError) as info:
        build(content)
    assert str(info.value).startswith(f'{tmp_path}/val.json{what}')
    assert '\n' not in str(info.value)


def test_missing_file_and_folder(build, tmp_path):
    with pytest.raises(AnnotationError, match='no.json: cannot be read: No'):
        build(coco(), ann_file='no.json')
    with pytest.raises(AnnotationError, match='no: no such folder of images'):
        build(coco(), data_prefix=dict(img='no'))
    info = build(coco(), data_prefix={}).get_data_info(0)  # below the root
    assert info['img_path'] == str(tmp_path / 'images/one.jpg')


def test_no_image_left(build):
    with pytest.raises(AnnotationError, match='asked for: face; found: Face'):
        build(
            coco([IMAGE, OTHER], [dict(FACE, iscrowd=1)], 'Face'),
            filter_cfg=dict(filter_empty_gt=True),
        )
    assert len(build(coco(annotations=[]), test_mode=True)) == 1


def test_one_class_without_a_comma(build):
    with pytest.raises(ValueError, match=r"a comma, classes=\('face',\)"):
        build(coco(), metainfo=dict(classes='face'))


def test_as_mmdet_reads_a_conversion(build, tmp_path):
    """A json of the converters is read as ``CocoDataset`` does."""
    from mmsrn.utils.coco_writer import coco_dict

    infos = [
        dict(
            img_path=str(tmp_path / f'images/{name}.jpg'),
            width=60,
            height=50,
            instances=[dict(INSTANCE, ignore_flag=flag)],
        )
        for flag, name in enumerate(('one', 'two'))
    ]
    content = coco_dict(infos, ('face',), tmp_path / 'images', 'x')
    ours = build(content)
    theirs = DATASETS.build(
        dict(
            type='CocoDataset',
            ann_file=str(tmp_path / 'val.json'),
            data_prefix=dict(img=str(tmp_path / 'images')),
            metainfo=dict(classes=('face',)),
        )
    )
    for i in range(2):
        found, expected = ours.get_data_info(i), theirs.get_data_info(i)
        assert found.items() <= expected.items()


def test_category_that_is_left_out(build):
    """Boxes of others are no faces, whatever the remedy says first."""
    person = dict(FACE, category_id='p', bbox=[0, 0, 60, 50])
    content = coco(
        annotations=[FACE, person],
        categories=[dict(id=1, name='Face'), dict(id='p', name='person')],
    )
    with pytest.raises(AnnotationError, match=r"\{'person': None\}"):
        build(content)
    info = build(content, class_map={'person': None}).get_data_info(0)
    assert info['instances'] == [INSTANCE]


def test_no_category_at_all(build):
    bare = {k: v for k, v in FACE.items() if k != 'category_id'}
    info = build(coco(annotations=[bare], categories=None)).get_data_info(0)
    assert info['instances'] == [INSTANCE]
    two = [dict(id=1, name='face'), dict(id=2, name='hand')]
    with pytest.raises(
        AnnotationError, match=r'\[0\]: has no category_id, but'
    ):
        build(coco(annotations=[bare], categories=two))


def test_utf_16(build):
    data = json.dumps(coco()).encode('utf-16')
    assert build(data).get_data_info(0)['instances'] == [INSTANCE]


def test_flags_as_text(build):
    fine = coco(annotations=[dict(FACE, iscrowd='0', ignore=False)])
    assert build(fine).get_data_info(0)['instances'] == [INSTANCE]
    crowd = coco(annotations=[dict(FACE, iscrowd='1')])
    info = build(crowd, test_mode=True).get_data_info(0)
    assert info['instances'][0]['ignore_flag'] == 1
    with pytest.raises(
        AnnotationError, match=r'\[0\]: iscrowd must be 0 or 1'
    ):
        build(coco(annotations=[dict(FACE, iscrowd='no')]))


def test_boxes_in_shares_of_the_image(build):
    shares = dict(FACE, bbox=[0.1, 0.2, 0.3, 0.4])
    with pytest.raises(AnnotationError) as info:
        build(coco(annotations=[shares, shares]))
    assert 'val.json: all 2 boxes are between 0 and 0.6, and' in str(
        info.value
    )
