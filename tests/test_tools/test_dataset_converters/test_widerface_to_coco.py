"""WIDER FACE as COCO json, against hand-made and published truth."""

import json
import shutil

import pytest
from mmdet.datasets import CocoDataset

from mmsrn.datasets import WiderFaceDataset


@pytest.fixture
def tool(load_tool):
    return load_tool('dataset_converters/widerface_to_coco.py')


def convert(tool, root, *args):
    tool.main([str(root), '--splits', 'val', *args])
    return json.loads((root / 'annotations/wider_face_val.json').read_text())


def load(path, images):
    return CocoDataset(
        ann_file=str(path),
        data_prefix=dict(img=str(images)),
        metainfo=dict(classes=('face',)),
        test_mode=True,
        serialize_data=False,
    ).data_list


def test_every_number(tool, wider):
    coco = convert(tool, wider)
    assert coco['images'] == [
        dict(id=1, file_name='0--Parade/a.jpg', width=64, height=80),
        dict(id=2, file_name='1--Empty/b.jpg', width=48, height=32),
    ]
    assert [x['name'] for x in coco['categories']] == ['face']
    first, invalid, last = coco['annotations']  # the third has no area
    assert first == dict(
        id=1,
        image_id=1,
        category_id=coco['categories'][0]['id'],
        bbox=[10, 20, 30, 40],
        area=1200,
        iscrowd=0,
        blur=0,
        expression=0,
        illumination=0,
        invalid=0,
        occlusion=0,
        pose=0,
    )
    assert invalid['bbox'] == [1, 2, 8, 9] and invalid['iscrowd'] == 1
    assert [invalid[k] for k in ('blur', 'invalid', 'occlusion')] == [2, 1, 2]
    assert last['id'] == 3 and last['bbox'] == [50, 40, 10, 20]
    assert (last['blur'], last['occlusion'], last['pose']) == (1, 1, 0)


@pytest.mark.parametrize(
    'option, crowds',
    [('ignore', [0, 1, 0]), ('keep', [0] * 3), ('drop', [0] * 2)],
)
def test_invalid_boxes(tool, wider, option, crowds):
    coco = convert(tool, wider, '--invalid-boxes', option)
    assert [x['iscrowd'] for x in coco['annotations']] == crowds


def test_without_images(tool, wider, fails):
    images = wider / 'WIDER_val/images'
    for file in images.glob('*/*'):
        file.unlink()
    error = fails(tool, wider, '--splits', 'val')
    assert str(images) in error and '--image-sizes' in error
    shutil.rmtree(images)
    error = fails(tool, wider, '--splits', 'val')
    assert str(images) in error and '--image-sizes' in error
    (wider / 'sizes.csv').write_text('a,64,80\nb,48,32\n')
    sizes = str(wider / 'sizes.csv')
    coco = convert(tool, wider, '--image-sizes', sizes)
    assert [x['width'] for x in coco['images']] == [64, 48]


def test_out_dir_that_cannot_be_written(tool, wider, fails):
    (wider / 'file').touch()
    args = ['--splits', 'val', '--out-dir', wider / 'file']
    assert 'file/wider_face_val.json: cannot be written' in fails(
        tool, wider, *args
    )


def test_mmdet_reads_the_same(tool, wider):
    convert(tool, wider)
    images = wider / 'WIDER_val/images'
    infos = load(wider / 'annotations/wider_face_val.json', images)
    direct = WiderFaceDataset(
        data_root=str(wider),
        ann_file='wider_face_split/wider_face_val_bbx_gt.txt',
        data_prefix=dict(img='WIDER_val/images/'),
        test_mode=True,
        serialize_data=False,
    ).data_list
    keys = ('bbox', 'bbox_label', 'ignore_flag')
    for ours, theirs in zip(direct, infos, strict=True):
        assert ours['img_path'] == theirs['img_path']
        assert ours['width'] == theirs['width']
        assert [{k: x[k] for k in keys} for x in ours['instances']] == [
            {k: x[k] for k in keys} for x in theirs['instances']
        ]


def test_nothing_left_on_failure(tool, wider, fails):
    text = wider / 'wider_face_split/wider_face_val_bbx_gt.txt'
    text.write_text(text.read_text().replace('1 2 8 9', '1 2 8 nine'))
    error = fails(tool, wider, '--splits', 'val')
    assert f'{text}:4' in error and 'Traceback' not in error
    assert not (wider / 'annotations').exists()


def test_bad_inputs(tool, wider, tmp_path, fails):
    assert 'data/README.md' in fails(tool, tmp_path / 'nothing')
    # train is among the default splits, but is not there.
    assert 'wider_face_train_bbx_gt.txt: no such file' in fails(tool, wider)
    error = fails(tool, wider, '--image-sizes', tmp_path / 'no.csv')
    assert 'no such file' in error
    image = wider / 'WIDER_val/images/0--Parade/a.jpg'
    image.write_bytes(b'no image')
    error = fails(tool, wider, '--splits', 'val')
    assert str(image) in error and 'not a readable image' in error
    image.unlink()
    error = fails(tool, wider, '--splits', 'val')
    assert str(image) in error and 'no such image' in error
    # The list of one split with the images of the other.
    split = wider / 'wider_face_split'
    val = split / 'wider_face_val_bbx_gt.txt'
    val.rename(split / 'wider_face_train_bbx_gt.txt')
    file = wider / 'WIDER_train/images/0--Parade/c.jpg'
    file.parent.mkdir(parents=True)
    file.touch()
    assert 'same split' in fails(tool, wider, '--splits', 'train')


def test_published_set(tool, shared, tmp_path):
    folder = shared / 'data/widerface'
    sizes = folder / 'wider_face_split/image_sizes.csv'
    args = ['--image-sizes', str(sizes), '--out-dir', str(tmp_path)]
    tool.main([str(folder), '--splits', 'val', *args])
    coco = json.loads((tmp_path / 'wider_face_val.json').read_text())
    assert len(coco['images']) == 3226
    # Count by a reader of its own: ten numbers a line, positive sides.
    text = folder / 'wider_face_split/wider_face_val_bbx_gt.txt'
    rows = [x.split() for x in text.read_text().splitlines()]
    faces = [x for x in rows if len(x) == 10 and min(int(x[2]), int(x[3])) > 0]
    assert len(coco['annotations']) == len(faces) == 39708 - 11
    assert sum(x['iscrowd'] for x in coco['annotations']) == sum(
        int(x[7]) for x in faces
    )
    areas = sum(x['area'] for x in coco['annotations'])
    assert areas == sum(int(x[2]) * int(x[3]) for x in faces)
