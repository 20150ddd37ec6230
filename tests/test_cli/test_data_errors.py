"""Annotations that mmdet's own datasets fail on, in one line."""

import json

import pytest
from mmdet.registry import DATASETS

from mmsrn.cli.config_errors import one_line_errors
from mmsrn.utils.errors import UserError

IMAGE = dict(id=1, file_name='a.jpg', width=60, height=50)
FACE = dict(id=7, image_id=1, category_id=1, bbox=[1, 2, 30, 40], area=1200)
FACES = [dict(id=1, name='face')]


def without(entry, key):
    return {k: v for k, v in entry.items() if k != key}


@pytest.mark.parametrize(
    'images, boxes, categories, what',
    [
        ([IMAGE], [without(FACE, 'area')], FACES, "annotation 7: .*'area'"),
        ([IMAGE], [dict(FACE, bbox=[])], FACES, 'annotation 7: .*ValueError'),
        ([without(IMAGE, 'width')], [FACE], FACES, "image a.jpg: .*'width'"),
        ([IMAGE], [without(FACE, 'image_id')], FACES, "KeyError: 'image_id'"),
        ([IMAGE], [FACE], [dict(id=1)], "KeyError: 'name'"),
        ([IMAGE], [FACE], None, 'cannot be read by CocoDataset'),
        ([IMAGE], [FACE], [dict(id=1, name='Face')], 'face; found: Face; fil'),
        ([IMAGE], [], FACES, 'no images left: classes asked for: face; fou'),
    ],
)
def test_coco_of_mmdet(tmp_path, images, boxes, categories, what):
    content = dict(images=images, annotations=boxes)
    if categories is not None:
        content['categories'] = categories
    path = tmp_path / 'train.json'
    path.write_text(json.dumps(content))
    settings = dict(
        type='CocoDataset',
        ann_file=str(path),
        data_prefix=dict(img=''),
        metainfo=dict(classes=('face',)),
        filter_cfg=dict(filter_empty_gt=True),
    )
    with pytest.raises(UserError, match=what) as info:
        with one_line_errors('own.py'):
            DATASETS.build(settings)
    assert str(info.value).startswith(f'own.py: {path}: ')
    assert '\n' not in str(info.value)
