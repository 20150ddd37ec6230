"""WIDER FACE, from its text annotations."""

import os.path as osp
from pathlib import Path

from mmdet.registry import DATASETS

from mmsrn.evaluation.readers import (
    ATTRIBUTES,
    AnnotationError,
    FaceImage,
    is_official,
    read_wider_face_txt,
)

from .face_dataset import FaceDataset
from .face_labels import Remarks, place_boxes, refuse_shares


@DATASETS.register_module()
class WiderFaceDataset(FaceDataset):
    """WIDER FACE in the official layout, without conversion.

    It reads ``wider_face_split/wider_face_*_bbx_gt.txt`` (mmdet's
    ``WIDERFaceDataset`` needs a conversion to VOC xml) and keeps all
    attributes: each instance has ``blur``, ``expression``, ``illumination``,
    ``invalid``, ``occlusion`` and ``pose`` in addition to mmdet's keys.

    Args:
        invalid_boxes (str): What to do with faces marked invalid: ``'ignore'``
            (leave them out of the loss), ``'keep'`` (train on them) or
            ``'drop'`` (treat them as background).
        min_box_size (float): Drop boxes of less width or height, in pixels.
            Boxes without area are always dropped.
        image_sizes (str, optional): Table of name, width, height (name: file
            name without suffix) below ``data_root``.  By default the sizes
            are read from the image headers and kept in
            ``image_sizes_<annotation>.csv`` beside the annotations.
        **kwargs: Arguments of ``BaseDetDataset``: ``data_root``, ``ann_file``,
            ``data_prefix=dict(img=...)``, ``pipeline``, ``filter_cfg``
            (``filter_empty_gt``, ``min_size``) ...

    In sets other than WIDER FACE, boxes are clipped to their image and a
    warning counts them.  For the test split, which has no annotations, set
    ``test_mode`` and the list of its images, ``wider_face_test_filelist.txt``.

    Raises:
        AnnotationError: If annotations or images are missing or malformed, or
            a training set has no face.
        ValueError: If ``invalid_boxes`` is unknown.
    """

    def __init__(self, *args, invalid_boxes: str = 'ignore', **kwargs) -> None:
        if invalid_boxes not in ('ignore', 'keep', 'drop'):
            raise ValueError(
                "invalid_boxes must be 'ignore', 'keep' or 'drop', got "
                f'{invalid_boxes!r}'
            )
        self.invalid_boxes = invalid_boxes
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read annotations and image sizes.

        Returns:
            list[dict]: One dict per image in mmdet's format; ``img_id`` is
            ``event/name`` without suffix.
        """
        images = read_wider_face_txt(self.ann_file)
        self.remarks = Remarks()
        self.official = is_official(self.ann_file)
        folder = Path(self.data_prefix['img'])
        ann_file = Path(self.ann_file)
        sizes = self._sizes(
            folder,
            [image.name for image in images],
            self.ann_file,
            ann_file.with_name(f'image_sizes_{ann_file.stem}.csv'),
        )
        if not self.official:
            refuse_shares(
                (
                    (x, y, x + w, y + h)
                    for image in images
                    for x, y, w, h, *_ in image.faces
                ),
                self.ann_file,
            )
        data_list = [
            self._data_info(image, folder, sizes[image.name])
            for image in images
        ]
        self.remarks.tell(self.ann_file)
        total = sum(len(image.faces) for image in images)
        if not total and not self.test_mode:
            raise AnnotationError(
                f'{self.ann_file}: has no face to learn from; the test split '
                'has none, take that of train'
            )
        self._log_counts(self.ann_file, total, data_list)
        return data_list

    def _data_info(
        self, image: FaceImage, folder: Path, size: tuple[int, int]
    ) -> dict:
        instances = []
        for x, y, w, h, *values in image.faces:
            # Those of other sets are counted below.
            if self.official and (w <= 0 or h <= 0):
                continue
            if w > 0 and h > 0 and min(w, h) < self.min_box_size:
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
        if not self.official:
            instances = place_boxes(
                instances, size, self.remarks, image.name, trusted=False
            )
        return dict(
            img_id=osp.splitext(image.name)[0],
            img_path=str(folder / image.name),
            width=size[0],
            height=size[1],
            instances=instances,
        )
