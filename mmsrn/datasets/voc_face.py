"""Custom sets in the VOC layout, with one or more classes folded into one."""

import xml.etree.ElementTree as ET
from pathlib import Path

from mmdet.datasets import XMLDataset
from mmdet.registry import DATASETS

_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
_SUFFIXES += tuple(suffix.upper() for suffix in _SUFFIXES)


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

    Images may be of any of the usual formats; boxes without area are dropped.

    Raises:
        ValueError: While reading, if the list is empty, an image or xml file
            that it names is missing, or an xml file is malformed or names a
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

    def load_data_list(self) -> list[dict]:
        """Read the list of images and their xml files.

        Returns:
            list[dict]: See :meth:`parse_data_info`.

        Raises:
            ValueError: See the class.
        """
        data_list = super().load_data_list()
        if not data_list:
            raise ValueError(f'{self.ann_file}: the file is empty')
        return data_list

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
        if self._is_local(path):
            if not Path(path).is_file():
                raise ValueError(
                    f'{path}: no such file, but {self.ann_file} lists it '
                    '(check ann_subdir and data_root)'
                )
            name = self._image_name(img_info['img_id'])
            img_info = dict(img_info, file_name=name)
        try:
            return super().parse_data_info(img_info)
        except ET.ParseError as error:
            raise ValueError(f'{path}: not well-formed xml: {error}') from None
        except (AttributeError, TypeError) as error:
            # The objects have been checked.
            raise ValueError(
                f'{path}: an element of size, or difficult, is missing or '
                'empty'
            ) from error
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from error

    def _is_local(self, path: str) -> bool:
        return not self.backend_args and '://' not in path

    def _image_name(self, img_id: str) -> str:
        """Path of an image below ``sub_data_root``; mmdet says ``.jpg``."""
        stem = f'{self.img_subdir}/{img_id}'
        for suffix in _SUFFIXES:
            if Path(self.sub_data_root, f'{stem}{suffix}').is_file():
                return f'{stem}{suffix}'
        kinds = ', '.join(_SUFFIXES[: len(_SUFFIXES) // 2])
        raise ValueError(
            f'{Path(self.sub_data_root, stem)}: no such image ({kinds}), but '
            f'{self.ann_file} lists it (names without suffix; check '
            'img_subdir and data_root)'
        )

    def _parse_instance_info(
        self, raw_ann_info: ET.ElementTree, minus_one: bool = True
    ) -> list[dict]:
        known = self._metainfo['classes']
        for number, item in enumerate(raw_ann_info.iterfind('object'), 1):
            name = item.find('name')
            if name is None or not name.text:
                raise ValueError(f'object {number} has no name')
            fallback = self.class_map.get('*', name.text)
            mapped = self.class_map.get(name.text, fallback)
            if mapped not in known:
                raise ValueError(
                    f'class {mapped!r} is not one of {known}; fold it into '
                    'one of them with class_map'
                )
            name.text = mapped
            for key in ('xmin', 'ymin', 'xmax', 'ymax'):
                text = item.findtext(f'bndbox/{key}')
                try:
                    int(float(text))
                except (OverflowError, TypeError, ValueError):
                    raise ValueError(
                        f'object {number}: {key} is no number but {text!r}'
                    ) from None
        instances = super()._parse_instance_info(raw_ann_info, minus_one)
        return [
            x
            for x in instances
            if x['bbox'][0] < x['bbox'][2] and x['bbox'][1] < x['bbox'][3]
        ]
