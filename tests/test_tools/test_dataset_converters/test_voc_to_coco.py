"""VOC-style sets as COCO json."""

import json

import pytest
from mmdet.datasets import CocoDataset


@pytest.fixture
def tool(load_tool):
    return load_tool('dataset_converters/voc_to_coco.py')


def convert(tool, root, *args):
    tool.main([str(root), 'val.txt', *args])
    return json.loads((root / 'val.json').read_text())


def test_every_number(tool, voc):
    coco = convert(tool, voc)
    assert coco['images'] == [
        dict(id=1, file_name='one.jpg', width=60, height=50),
        dict(id=2, file_name='two.png', width=60, height=50),
    ]
    assert coco['categories'] == [dict(id=1, name='face', supercategory='')]
    # VOC counts pixels from 1.
    assert coco['annotations'] == [
        dict(
            id=1,
            image_id=1,
            category_id=1,
            bbox=[10, 20, 20, 25],
            area=500,
            iscrowd=0,
        ),
        dict(
            id=2,
            image_id=1,
            category_id=1,
            bbox=[0, 0, 8, 10],
            area=80,
            iscrowd=1,  # difficult
        ),
    ]


def test_class_map(tool, voc):
    coco = convert(tool, voc, '--class-map', 'mask=covered', '*=open')
    assert [x['name'] for x in coco['categories']] == ['covered', 'open']
    assert [x['category_id'] for x in coco['annotations']] == [1, 2]
    coco = convert(tool, voc, '--class-map', 'mask=f', 'bare=f')
    assert [x['name'] for x in coco['categories']] == ['f']
    assert [x['category_id'] for x in coco['annotations']] == [1, 1]


def test_mmdet_reads_it(tool, voc):
    out = voc / 'elsewhere/set.json'
    tool.main([str(voc), 'val.txt', '--out', str(out)])
    one, two = CocoDataset(
        ann_file=str(out),
        data_prefix=dict(img=str(voc / 'images')),
        metainfo=dict(classes=('face',)),
        test_mode=True,
        serialize_data=False,
    ).data_list
    assert [x['bbox'] for x in one['instances']] == [
        [10, 20, 30, 45],
        [0, 0, 8, 10],
    ]
    assert [x['ignore_flag'] for x in one['instances']] == [0, 1]
    assert two['img_path'].endswith('two.png') and not two['instances']


@pytest.mark.parametrize(
    'lines, found',
    [
        (b'one\nthree\n', r'three.xml: no such file, but \S+:2 lists it'),
        (b'one\none\n', r'val.txt:2: one stands in line 1'),
        (b'one\n\nno\n', r'no.xml: no such file, but \S+:3 lists it'),
        (b'one\n\xff\n', r'val.txt: not a list in UTF-8'),
        (b'', r'val.txt: the file is empty'),
    ],
)
def test_bad_split(tool, voc, fails, lines, found):
    import re

    (voc / 'val.txt').write_bytes(lines)
    assert re.search(found, fails(tool, voc, 'val.txt'))
    assert not (voc / 'val.json').exists()


def test_every_image_that_the_dataset_takes(tool, voc):
    (voc / 'images/two.png').rename(voc / 'images/two.PNG')
    coco = convert(tool, voc)
    assert [x['file_name'] for x in coco['images']] == ['one.jpg', 'two.PNG']


def test_the_list_is_not_overwritten(tool, voc, fails):
    out = voc / 'val.txt'
    error = fails(tool, voc, 'val.txt', '--out', out)
    assert f'{out}: must end in .json' in error
    assert out.read_text() == 'one\ntwo\n'
    out = out.rename(voc / 'val.json')  # where the result goes
    error = fails(tool, voc, 'val.json')
    assert f'{out}: exists and is not a json file' in error
    assert out.read_text() == 'one\ntwo\n'


def test_out_that_cannot_be_written(tool, voc, fails):
    (voc / 'a.json').mkdir()
    error = fails(tool, voc, 'val.txt', '--out', voc / 'a.json')
    assert f'{voc}/a.json: cannot be written: Is a directory' in error
    error = fails(tool, voc, 'val.txt', '--out', voc / 'val.txt/b.json')
    assert f'{voc}/val.txt/b.json: cannot be written: ' in error


@pytest.mark.parametrize(
    'old, new, found',
    [
        ('</annotation>', '', 'not well-formed'),
        ('<xmin>11</xmin>', '', 'one.xml'),
        ('<xmin>11</xmin>', '<xmin>eleven</xmin>', 'one.xml'),
        ('<xmin>11</xmin>', '<xmin/>', 'one.xml'),
    ],
)
def test_bad_xml(tool, voc, fails, old, new, found):
    file = voc / 'annotations/one.xml'
    file.write_text(file.read_text().replace(old, new, 1))
    assert found in fails(tool, voc, 'val.txt')


def test_bad_arguments(tool, voc, tmp_path, fails):
    assert 'no such folder' in fails(tool, tmp_path / 'nothing', 'val.txt')
    assert 'the folder has val.txt' in fails(tool, voc, 'train.txt')
    error = fails(tool, voc, 'val.txt', '--class-map', 'mask=face')
    assert 'one.xml' in error and "'bare'" in error
    assert 'NAME=CLASS' in fails(tool, voc, 'val.txt', '--class-map', 'mask')
    (voc / 'annotations/one.xml').unlink()
    assert 'one.xml: no such file' in fails(tool, voc, 'val.txt')


def test_facemask(tool, shared, tmp_path):
    folder = shared / 'data/facemask'
    out = tmp_path / 'val.json'
    tool.main([str(folder), 'val.txt', '--out', str(out)])
    coco = json.loads(out.read_text())
    names = (folder / 'val.txt').read_text().split()
    assert len(coco['images']) == len(names) == 170
    faces = sum(
        (folder / f'annotations/{name}.xml').read_text().count('<object>')
        for name in names
    )
    assert len(coco['annotations']) == faces
