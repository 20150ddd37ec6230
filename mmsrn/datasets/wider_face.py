"""WIDER FACE from its own text annotations."""

import os.path as osp
from pathlib import Path

from mmdet.datasets import BaseDetDataset
from mmdet.registry import DATASETS
from mmengine.logging import print_log

from mmsrn.parsers import (
    ATTRIBUTES,
    AnnotationError,
    FaceImage,
    read_wider_face_txt,
)

from .image_sizes import image_sizes, read_size_csv


@DATASETS.register_module()
class WiderFaceDataset(BaseDetDataset):
    """WIDER FACE in the official layout, without conversion.

    mmdet's ``WIDERFaceDataset`` reads a conversion to VOC xml; this one reads
    ``wider_face_split/wider_face_*_bbx_gt.txt`` and keeps all attributes:
    each instance has ``blur``, ``expression``, ``illumination``, ``invalid``,
    ``occlusion`` and ``pose`` beside the keys of mmdet.

    Args:
        invalid_boxes (str): What to do with faces marked invalid:
            ``'ignore'`` (neither learnt nor unlearnt), ``'keep'`` or
            ``'drop'``.
        min_box_size (float): Boxes of less width or height, in pixels, are
            dropped; those without area always are.
        image_sizes (str, optional): Table of name, width, height (name: file
            name without suffix) below ``data_root``.  By default the sizes
            are read from the image headers and kept in
            ``image_sizes_<annotation>.csv`` beside the annotations.
        **kwargs: Arguments of ``BaseDetDataset``: ``data_root``, ``ann_file``,
            ``data_prefix=dict(img=...)``, ``pipeline``, ``filter_cfg``
            (``filter_empty_gt``, ``min_size``) ...

    Raises:
        AnnotationError: If annotations or images are missing or malformed.
        ValueError: If ``invalid_boxes`` is unknown.
    """

    METAINFO = {'classes': ('face',), 'palette': [(0, 255, 0)]}

    def __init__(
        self,
        *args,
        invalid_boxes: str = 'ignore',
        min_box_size: float = 0.0,
        image_sizes: str | None = None,
        **kwargs,
    ) -> None:
        if invalid_boxes not in ('ignore', 'keep', 'drop'):
            raise ValueError(
                "invalid_boxes must be 'ignore', 'keep' or 'drop', got "
                f'{invalid_boxes!r}'
            )
        self.invalid_boxes = invalid_boxes
        self.min_box_size = min_box_size
        self.image_sizes = image_sizes
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read annotations and image sizes.

        Returns:
            list[dict]: One dict an image, as mmdet keeps them; ``img_id`` is
            ``event/name`` without suffix.
        """
        images = read_wider_face_txt(self.ann_file)
        folder = Path(self.data_prefix['img'])
        sizes = self._sizes(folder, images)
        data_list = [
            self._data_info(image, folder, sizes[image.name])
            for image in images
        ]
        total = sum(len(image.faces) for image in images)
        kept = sum(len(info['instances']) for info in data_list)
        ignored = sum(
            x['ignore_flag'] for info in data_list for x in info['instances']
        )
        print_log(
            f'{self.ann_file}: {len(images)} images, {total} faces, '
            f'{total - kept} dropped, {ignored} ignored',
            'current',
        )
        return data_list

    def _sizes(self, folder: Path, images: list[FaceImage]):
        names = [image.name for image in images]
        if self.image_sizes is not None:
            path = osp.join(self.data_root or '', self.image_sizes)
            table = read_size_csv(path)
            stems = {name: Path(name).stem for name in names}
            missing = [name for name in names if stems[name] not in table]
            if missing:
                raise AnnotationError(
                    f'{path}: {len(missing)} images of {self.ann_file} are '
                    f'not in the table (first: {missing[0]})'
                )
            return {name: table[stems[name]] for name in names}
        if not folder.is_dir():
            raise AnnotationError(
                f'{folder}: no such folder of images; data/README.md shows '
                'the layout'
            )
        # A list of one split with the images of the other.
        if not any((folder / name).is_file() for name in names):
            raise AnnotationError(
                f'{folder}: has none of the {len(names)} images of '
                f'{self.ann_file} (first: {names[0]}); do annotation file '
                'and image folder belong to the same split?'
            )
        ann_file = Path(self.ann_file)
        cache = ann_file.with_name(f'image_sizes_{ann_file.stem}.csv')
        return image_sizes(folder, names, cache)

    def _data_info(
        self, image: FaceImage, folder: Path, size: tuple[int, int]
    ) -> dict:
        instances = []
        for x, y, w, h, *values in image.faces:
            if w <= 0 or h <= 0 or min(w, h) < self.min_box_size:
                continue
            attributes = dict(zip(ATTRIBUTES, values))
            invalid = bool(attributes['invalid'])
            if invalid and self.invalid_boxes == 'drop':
                continue
            instances.append(
                dict(
                    bbox=[x, y, x + w, y + h],
                    bbox_label=0,
                    ignore_flag=int(
                        invalid and self.invalid_boxes == 'ignore'
                    ),
                    **attributes,
                )
            )
        return dict(
            img_id=osp.splitext(image.name)[0],
            img_path=str(folder / image.name),
            width=size[0],
            height=size[1],
            instances=instances,
        )

    def filter_data(self) -> list[dict]:
        """Leave out images that ``filter_cfg`` names, in training only.

        Returns:
            list[dict]: The images that stay.
        """
        if self.test_mode or self.filter_cfg is None:
            return self.data_list
        min_size = self.filter_cfg.get('min_size', 0)
        no_empty = self.filter_cfg.get('filter_empty_gt', False)
        return [
            info
            for info in self.data_list
            if min(info['width'], info['height']) >= min_size
            and not (
                no_empty and all(x['ignore_flag'] for x in info['instances'])
            )
        ]
