"""Annotations as mmdet keeps them, written as COCO json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.progress import track

from mmsrn.utils.atomic_file import atomic_file

# What mmdet knows of an instance and COCO calls by other names.
_TRANSLATED = ('bbox', 'bbox_label', 'ignore_flag')


def coco_dict(
    infos: Sequence[dict],
    classes: Sequence[str],
    image_folder: str | Path,
    description: str,
) -> dict:
    """Translate annotations.

    Ignored instances become crowds (``iscrowd`` 1), which is what mmdet's
    ``CocoDataset`` takes for ignored; pycocotools then lets several
    detections fall on one of them.

    Args:
        infos (Sequence[dict]): ``data_list`` of an mmdet dataset.
        classes (Sequence[str]): Names by label; label i is category i + 1.
        image_folder (str | Path): Folder that file names are relative to.
        description (str): What the set is.

    Returns:
        dict: ``info``, ``licenses``, ``images``, ``annotations``,
        ``categories``. Every further key of an instance, such as the
        attributes of WIDER FACE, is kept.
    """
    images, annotations = [], []
    for info in track(infos, 'Converting', disable=len(infos) < 500):
        number = len(images) + 1
        file_name = Path(info['img_path']).relative_to(image_folder)
        images.append(
            {
                'id': number,
                'file_name': file_name.as_posix(),
                'width': info['width'],
                'height': info['height'],
            }
        )
        for instance in info['instances']:
            x1, y1, x2, y2 = instance['bbox']
            width, height = x2 - x1, y2 - y1
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'image_id': number,
                    'category_id': instance['bbox_label'] + 1,
                    'bbox': [x1, y1, width, height],
                    'area': width * height,
                    'iscrowd': int(instance['ignore_flag']),
                    **{
                        key: value
                        for key, value in instance.items()
                        if key not in _TRANSLATED
                    },
                }
            )
    return {
        'info': {'description': description},
        'licenses': [],
        'images': images,
        'annotations': annotations,
        'categories': [
            {'id': i, 'name': name, 'supercategory': ''}
            for i, name in enumerate(classes, 1)
        ],
    }


def write_coco(coco: dict, path: Path) -> str:
    """Write the file, whole or not at all.

    Args:
        coco (dict): From :func:`coco_dict`.
        path (Path): File to make or to replace.

    Returns:
        str: One line on what was written.

    Raises:
        ValueError: If it cannot be written.
    """
    try:
        # What is no json may be an input, such as the list of a split.
        if path.is_file() and path.read_bytes()[:1] != b'{':
            raise ValueError(f'{path}: exists and is not a json file')
        with atomic_file(path) as partial:
            partial.write_text(json.dumps(coco) + '\n', encoding='utf-8')
    except OSError as error:
        raise ValueError(
            f'{path}: cannot be written: {error.strerror}'
        ) from error
    crowds = sum(x['iscrowd'] for x in coco['annotations'])
    return (
        f'{path}: {len(coco["images"]):,} images, '
        f'{len(coco["annotations"]):,} boxes, {crowds:,} of them ignored'
    )
