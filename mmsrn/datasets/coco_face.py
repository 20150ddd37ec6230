"""Custom sets in COCO's json, with one or more categories folded into one."""

from mmdet.registry import DATASETS
from mmengine.fileio import get

from mmsrn.evaluation.readers import ATTRIBUTES, AnnotationError

from .coco_json import CocoImage, read_coco
from .custom_set import CustomSet


@DATASETS.register_module()
class CocoFaceDataset(CustomSet):
    """COCO json with a map of category names.

    Ids may be numbers or texts.  ``area``, ``iscrowd``, ``width``, ``height``
    and ``categories`` may be missing; a category without a name is called by
    its id.  File names may have folders or backslashes, and none of the
    folders that images lie in.  Crowds, and what is marked ``ignore``, are
    neither learnt nor unlearnt.

    Args:
        class_map (dict[str, str], optional): Category to class, such as
            ``{'person': 'face'}``; the key ``'*'`` stands for every other
            name. ``Face`` is ``face`` without it.
        **kwargs: Arguments of ``BaseDetDataset``: ``data_root``,
            ``ann_file``, ``data_prefix=dict(img=...)``, ``pipeline``,
            ``filter_cfg`` ...

    Sizes are those of the images; a warning says which of them the
    annotations state otherwise.  Boxes without area are dropped, those that
    reach over the image by a few pixels are cut, and both are counted.

    Raises:
        AnnotationError: If json or images are missing or malformed, most
            images have another size than the json says, a box lies outside
            its image, a category is neither in ``class_map`` nor in the
            classes, or no image is left to train with.
    """

    def load_data_list(self) -> list[dict]:
        """Read annotations and image headers.

        Returns:
            list[dict]: One dict an image, as mmdet keeps them; ``img_id`` is
            the id.
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
