"""Custom sets in the VOC layout, with one or more classes folded into one."""

import xml.etree.ElementTree as ET

from mmdet.datasets import XMLDataset
from mmdet.registry import DATASETS


@DATASETS.register_module()
class VOCFaceDataset(XMLDataset):
    """VOC-style xml annotations with a map of class names.

    Args:
        class_map (dict[str, str], optional): Name in the xml to class, such
            as ``{'with_mask': 'face', 'without_mask': 'face'}``; the key
            ``'*'`` stands for every other name.
        img_subdir (str): Folder of the images below ``sub_data_root``.
        ann_subdir (str): Folder of the xml files below ``sub_data_root``.
        **kwargs: Further arguments of ``XMLDataset``.

    Raises:
        ValueError: While reading, if an xml file is malformed or names a
            class that is neither in ``class_map`` nor in the classes.
    """

    METAINFO = {'classes': ('face',), 'palette': [(0, 255, 0)]}

    def __init__(
        self,
        class_map: dict[str, str] | None = None,
        img_subdir: str = 'images',
        ann_subdir: str = 'annotations',
        **kwargs,
    ) -> None:
        self.class_map = dict(class_map or {})
        super().__init__(
            img_subdir=img_subdir, ann_subdir=ann_subdir, **kwargs
        )

    def parse_data_info(self, img_info: dict) -> dict:
        """Parse one xml file.

        Args:
            img_info (dict): ``img_id``, ``file_name``, ``xml_path``.

        Returns:
            dict: Annotations as mmdet keeps them.

        Raises:
            ValueError: See the class.
        """
        path = img_info['xml_path']
        try:
            return super().parse_data_info(img_info)
        except ET.ParseError as error:
            raise ValueError(f'{path}: not well-formed xml: {error}') from None
        except FileNotFoundError:
            raise ValueError(
                f'{path}: no such file, but {self.ann_file} lists it (check '
                'ann_subdir and data_root)'
            ) from None
        except (AttributeError, KeyError) as error:
            raise ValueError(f'{path}: {error}') from error

    def _parse_instance_info(
        self, raw_ann_info: ET.ElementTree, minus_one: bool = True
    ) -> list[dict]:
        known = self._metainfo['classes']
        for name in raw_ann_info.iterfind('object/name'):
            fallback = self.class_map.get('*', name.text)
            mapped = self.class_map.get(name.text, fallback)
            if mapped not in known:
                raise KeyError(
                    f'class {mapped!r} is not one of {known}; fold it into '
                    'one of them with class_map'
                )
            name.text = mapped
        return super()._parse_instance_info(raw_ann_info, minus_one)
