"""Custom sets in COCO's json layout."""

from mmdet.registry import DATASETS
from mmengine.fileio import get

from mmsrn.evaluation.readers import ATTRIBUTES, AnnotationError

from .coco_json import CocoImage, read_coco
from .custom_set import CustomSet


@DATASETS.register_module()
class CocoFaceDataset(CustomSet):
    """Dataset in COCO's json layout, with a map of category names.

    Ids may be numbers or texts.  ``area``, ``iscrowd``, ``width``, ``height``
    and ``categories`` may be missing; a category without a name takes its id
    as name.  File names may have folders or backslashes, or lack the folders
    of the images.  Training ignores crowds and objects marked ``ignore``.

    Args:
        class_map (dict[str, str], optional): Category to class, such as
            ``{'person': 'face'}``, or to None to leave its objects out; the
            key ``'*'`` stands for every other name.  ``Face`` becomes
            ``face`` by default.
        **kwargs: Arguments of ``BaseDetDataset``: ``data_root``,
            ``ann_file``, ``data_prefix=dict(img=...)``, ``pipeline``,
            ``filter_cfg`` ...

    Sizes come from the images; a warning lists images for which the
    annotations state another size.  Boxes without area are dropped, and boxes
    that leave the image by a few pixels are clipped; a warning counts both.

    Raises:
        AnnotationError: If json or images are missing or malformed, most
            images have another size than the json says, a box lies outside
            its image, a category is neither in ``class_map`` nor in the
            classes, or no image is left to train with.
    """

    def load_data_list(self) -> list[dict]:
        """Read annotations and image headers.

        Returns:
            list[dict]: One dict per image in mmdet's format; ``img_id`` is the
            id.
        """
        try:
            data = get(self.ann_file, backend_args=self.backend_args)
        except OSError as error:
            raise AnnotationError(
                f'{self.ann_file}: cannot be read: {error.strerror}; check '
                'ann_file and data_root'
            ) from None
        images = read_coco(self.ann_file, data)
        paths = self.find_images([(x.file_name, x.where) for x in images])
        return self.build(
            [
                dict(
                    img_id=image.id,
                    path=path,
                    where=image.where,
                    stated=image.size,
                    instances=self._instances(image),
                )
                for image, path in zip(images, paths)
            ]
        )

    def _instances(self, image: CocoImage) -> list[dict]:
        instances = []
        for box in image.boxes:
            x, y, width, height = box.bbox
            try:
                label = self.names.label(box.category)
            except ValueError as error:
                raise AnnotationError(f'{box.where}: {error}') from None
            if label is None:
                continue
            instances.append(
                dict(
                    bbox=[x, y, x + width, y + height],
                    bbox_label=label,
                    ignore_flag=int(box.ignore),
                    # Of WIDER FACE, as widerface_to_coco.py keeps them.
                    **{
                        key: box.entry[key]
                        for key in ATTRIBUTES
                        if isinstance(box.entry.get(key), int)
                    },
                )
            )
        return instances
