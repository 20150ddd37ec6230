"""DARK FACE, from its label files or from split lists."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from mmdet.registry import DATASETS
from mmengine.logging import print_log

from mmsrn.evaluation.readers import (
    AnnotationError,
    read_dark_face,
    split_names,
)
from mmsrn.evaluation.readers.dark_face_splits import PUBLISHED_SPLITS

from .face_dataset import FaceDataset


@DATASETS.register_module()
class DarkFaceDataset(FaceDataset):
    """DARK FACE in the official layout or in that of the split lists.

    Images are ``image/12.png``.  For a processed copy in the same layout set
    another ``data_root`` or ``data_prefix``.

    Args:
        ann_file (str): Folder of label files ``12.txt`` (a count, then
            x1 y1 x2 y2 per face), or a split list (a line ``12.png`` count,
            then x y w h 1 per face) below ``data_root``; ``''`` with
            ``test_mode`` for images without labels.
        split (str, optional): Part of the images: a published split
            (``'5000_1000/train'``, ``'5000_1000/test'``, ``'5500_500/train'``,
            ``'5500_500/val'``), whose list must lie in ``data_root`` as
            ``split_5000_1000_train.txt`` ...; one of this project
            (``'own_5000_1000/train'`` ...), which needs no file; or a list of
            names below ``data_root``.  Default: all images that have labels.
            See :func:`mmsrn.evaluation.readers.split_names`.
        data_prefix (dict): ``img``: folder of the images.
        img_suffix (str): Suffix of the images.
        min_box_size (float): Drop boxes of less width or height, in pixels.
            Boxes without area are always dropped in training and kept in
            tests, where the official tool counts them.
        image_sizes (str, optional): Table of name, width, height (name: file
            name without suffix) below ``data_root``.  By default the sizes
            are read from the image headers and kept in
            ``image_sizes_<folder>_<split or annotation>.csv`` beside the
            annotations.
        **kwargs: Arguments of ``BaseDetDataset``: ``data_root``,
            ``pipeline``, ``test_mode``, ``filter_cfg`` (``filter_empty_gt``,
            ``min_size``) ...

    Raises:
        AnnotationError: If lists, labels or images are missing or malformed.
        ValueError: If ``split`` is unknown, or if training images have no
            labels.
    """

    def __init__(
        self,
        ann_file: str = 'label/',
        split: str | None = None,
        data_prefix: dict = dict(img='image/'),
        img_suffix: str = '.png',
        **kwargs,
    ) -> None:
        self.split = split
        self.img_suffix = img_suffix
        super().__init__(ann_file=ann_file, data_prefix=data_prefix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read annotations and image sizes.

        Returns:
            list[dict]: One dict per image in mmdet's format; ``img_id`` is the
            name without suffix.

        Raises:
            AnnotationError: See the class.
            ValueError: See the class.
        """
        folder = Path(self.data_prefix['img'])
        faces, source = self._faces(folder)
        files = {name: f'{name}{self.img_suffix}' for name in faces}
        beside = Path(self.ann_file or folder)
        words = ['image_sizes', folder.name]
        if self.split or self.ann_file:
            part = (self.split or beside.name).replace('/', '_')
            words.append(Path(part).stem)
        sizes = self._sizes(
            folder,
            list(files.values()),
            source,
            beside.with_name(f'{"_".join(words)}.csv'),
        )
        data_list = [
            dict(
                img_id=name,
                img_path=str(folder / files[name]),
                width=sizes[files[name]][0],
                height=sizes[files[name]][1],
                instances=self._instances(boxes),
            )
            for name, boxes in faces.items()
        ]
        total = sum(len(boxes) for boxes in faces.values())
        self._log_counts(source, total, data_list)
        return data_list

    def _faces(self, folder: Path) -> tuple[Mapping[str, np.ndarray], str]:
        """Read the faces of each image, (k, 4) corners, and say of what."""
        names = None
        if self.split is not None:
            names = split_names(self.split, self.data_root or '')
        if self.ann_file:
            truth = read_dark_face(self.ann_file)
            faces = dict(zip(truth.names, truth.settings['ap'].faces))
            source = str(self.ann_file)
        elif not self.test_mode:
            raise ValueError(
                "DarkFaceDataset: ann_file='' is for images without labels, "
                'which can be tested on (test_mode=True), not trained with'
            )
        else:
            faces = self._without_labels(folder)
            source = str(folder)
        if names is None:
            return faces, source
        missing = [name for name in names if name not in faces]
        if missing:
            raise AnnotationError(
                f'{source}: has {len(names) - len(missing):,} of the '
                f'{len(names):,} images of the split {self.split} (first '
                f'missing: {missing[0]}); is the copy of the set complete?'
            )
        faces = {name: faces[name] for name in names}
        self._compare_faces(faces)
        return faces, f'{source}, split {self.split}'

    def _without_labels(self, folder: Path) -> dict[str, np.ndarray]:
        """All images of a folder, by number."""
        names = [x.stem for x in folder.glob(f'[!.]*{self.img_suffix}')]
        if not names:
            raise AnnotationError(
                f'{folder}: has no image *{self.img_suffix}; check data_root '
                'and data_prefix'
            )
        names.sort(key=lambda x: (int(x) if x.isdecimal() else -1, x))
        return {name: np.empty((0, 4)) for name in names}

    def _compare_faces(self, faces: Mapping[str, np.ndarray]) -> None:
        published = PUBLISHED_SPLITS.get(self.split)
        found = sum(len(boxes) for boxes in faces.values())
        if published and self.ann_file and found != published.faces:
            print_log(
                f'{self.ann_file}: {found:,} faces in the split {self.split}, '
                f'published {published.faces:,}; are these the true labels?',
                'current',
                30,
            )

    def _instances(self, boxes: np.ndarray) -> list[dict]:
        kept = []
        for box in boxes.tolist():
            size = min(box[2] - box[0], box[3] - box[1])
            if size < self.min_box_size or (size <= 0 and not self.test_mode):
                continue
            kept.append(dict(bbox=box, bbox_label=0, ignore_flag=0))
        return kept
