"""Custom sets with YOLO's text labels."""

import os
from pathlib import Path

from mmdet.registry import DATASETS
from mmengine.logging import print_log

from mmsrn.evaluation.readers import AnnotationError

from .custom_set import CustomSet
from .yolo_data_yaml import read_data_yaml
from .yolo_labels import LabelFinder, YOLOBox, list_images, read_labels

# Numbers of a box; those and ten of five landmarks, or a polygon of seven.
_BOX, _LANDMARKS = 4, 14


@DATASETS.register_module()
class YOLOFaceDataset(CustomSet):
    """Dataset in YOLO's layout: text labels, boxes relative to the image.

    The labels of ``images/train/a.jpg`` are in ``labels/train/a.txt`` or
    beside the image in ``a.txt``.  Longer lines are polygons, or have key
    points if ``data.yaml`` states their ``kpt_shape``.  An image without
    labels has no objects.

    Args:
        ann_file (str): ``data.yaml`` below ``data_root``; or ``''`` to read
            all images below ``data_prefix=dict(img=...)``.
        split (str): ``'train'``, ``'val'`` or ``'test'`` of ``data.yaml``.
        class_map (dict[str, str], optional): Name of a class in
            ``data.yaml``, or its number if it has none, to class, or to None
            to leave its objects out; the key ``'*'`` stands for every other
            name.
        **kwargs: Arguments of ``BaseDetDataset``: ``data_root``,
            ``pipeline``, ``filter_cfg`` ...

    Raises:
        AnnotationError: If labels or images are missing or malformed, a class
            is neither in ``class_map`` nor in the classes, or no image is
            left to train with.
    """

    def __init__(
        self, ann_file: str = 'data.yaml', split: str = 'train', **kwargs
    ) -> None:
        self.split = split
        super().__init__(ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read labels and image headers.

        Returns:
            list[dict]: One dict per image in mmdet's format; ``img_id`` is the
            path below the image folder.
        """
        labels: dict[int, str] = {}
        num_points = None
        if self.ann_file:
            sources, labels, num_points = read_data_yaml(
                Path(self.ann_file), self.split
            )
        else:
            sources = [self.image_folder]
            if not sources[0].is_dir():
                raise AnnotationError(
                    f'{sources[0]}: no such folder of images; check data_root '
                    'and data_prefix'
                )
        paths = list(
            dict.fromkeys(
                Path(os.path.abspath(x))
                for source in sources
                for x in list_images(source)
            )
        )
        named = ', '.join(map(str, sources))
        if not paths:
            raise AnnotationError(f'{named}: has no image')
        folder = Path(os.path.commonpath([x.parent for x in paths]))
        finder = LabelFinder()
        files = {path: finder.find(path) for path in paths}
        found = {
            path: read_labels(file, num_points) for path, file in files.items()
        }
        boxes = [x for part in found.values() for x in part or ()]
        counts = {x.num_values for x in boxes}
        if counts in ({_LANDMARKS}, {_BOX, _LANDMARKS}):
            place = self.ann_file or (
                f'a data.yaml with {self.split}: and names:, and name it in '
                'ann_file'
            )
            raise AnnotationError(
                f'{named}: all lines{" but boxes" * (_BOX in counts)} have '
                f'{_LANDMARKS + 1} values: if these are boxes with five '
                f'landmarks, say kpt_shape: [5, 2] in {place}; if they are '
                'polygons of seven points, repeat a point of one of them'
            )
        bare = [path for path in paths if found[path] is None]
        if len(bare) == len(paths) and not self.test_mode:
            raise AnnotationError(
                f'{named}: none of {len(paths):,} images has labels; those of '
                f'{paths[0]} would be {files[paths[0]]}'
            )
        if bare:
            print_log(
                f'{named}: {len(bare):,} of {len(paths):,} images have no '
                'label file, and so no face',
                'current',
            )
        return self.build(
            [
                dict(
                    img_id=path.relative_to(folder).with_suffix('').as_posix(),
                    path=path,
                    where=str(files[path]),
                    shares=True,
                    instances=self._instances(
                        found[path] or [], labels, files[path]
                    ),
                )
                for path in paths
            ]
        )

    def _instances(
        self, boxes: list[YOLOBox], names: dict[int, str], file: Path
    ) -> list[dict]:
        instances = []
        try:
            for box in boxes:
                label = self.names.label(names.get(box.label, str(box.label)))
                if label is not None:
                    instances.append(
                        dict(
                            bbox=list(box.corners),
                            bbox_label=label,
                            ignore_flag=0,
                        )
                    )
        except ValueError as error:
            raise AnnotationError(f'{file}: {error}') from None
        return instances
