"""Custom sets in the VOC layout, with one or more classes folded into one."""

import os.path as osp
import xml.etree.ElementTree as ET
from pathlib import Path

import mmcv
from mmdet.datasets import XMLDataset
from mmdet.registry import DATASETS
from mmengine.fileio import get, get_local_path, list_from_file
from rich.progress import track

_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
_SUFFIXES += tuple(suffix.upper() for suffix in _SUFFIXES)
# Pixels that boxes may reach over the image, as they do in sets whose tools
# disagree on whether the first pixel is 0 or 1.
_OVERHANG = 1


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

    Images may be of any of the usual formats; boxes without area are dropped,
    and those that reach over the image by a pixel are cut.

    Raises:
        ValueError: While reading, if the list is missing or empty, has a line
            that is no name or names something twice, an image or xml file
            that it names is missing, or an xml file is malformed, has a box
            outside the image or names a class that is neither in
            ``class_map`` nor in the classes.
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
        classes = self._metainfo['classes']
        self.cat2label = {name: label for label, name in enumerate(classes)}
        lines = self._read_list()
        folder = osp.join(self.sub_data_root, self.ann_subdir)
        return [
            self.parse_data_info(
                dict(
                    img_id=name,
                    file_name=osp.join(self.img_subdir, f'{name}.jpg'),
                    xml_path=osp.join(folder, f'{name}.xml'),
                    line=line,
                )
            )
            for name, line in track(
                lines.items(),
                'Reading',
                total=len(lines),
                disable=len(lines) < 5000,
            )
        ]

    def _read_list(self) -> dict[str, int]:
        """Read which images there are.

        Returns:
            dict[str, int]: Their names, and the line of each.
        """
        try:
            names = list_from_file(
                self.ann_file, backend_args=self.backend_args
            )
        except FileNotFoundError:
            raise ValueError(
                f'{self.ann_file}: no such list of images (check ann_file '
                'and data_root)'
            ) from None
        except UnicodeDecodeError as error:
            raise ValueError(
                f'{self.ann_file}: not a list in UTF-8: {error}'
            ) from None
        lines: dict[str, int] = {}
        for number, name in enumerate(names, 1):
            if not name or name != name.strip():
                raise ValueError(
                    f'{self.ann_file}:{number}: expected the name of an '
                    f'image and nothing else, found {name!r}'
                )
            if name in lines:
                raise ValueError(
                    f'{self.ann_file}:{number}: {name} stands in line '
                    f'{lines[name]} already'
                )
            lines[name] = number
        if not lines:
            raise ValueError(f'{self.ann_file}: the file is empty')
        return lines

    def parse_data_info(self, img_info: dict) -> dict:
        """Parse one xml file.

        Args:
            img_info (dict): ``img_id``, ``file_name``, ``xml_path``, and the
                ``line`` of the list.

        Returns:
            dict: Annotations as mmdet keeps them.

        Raises:
            ValueError: See the class.
        """
        path, file_name = img_info['xml_path'], img_info['file_name']
        if self._is_local(path):
            listed = f'{self.ann_file}:{img_info["line"]} lists it'
            if not Path(path).is_file():
                raise ValueError(
                    f'{path}: no such file, but {listed} (check ann_subdir '
                    'and data_root)'
                )
            file_name = self._image_name(img_info['img_id'], listed)
        img_path = osp.join(self.sub_data_root, file_name)
        try:
            with get_local_path(path, backend_args=self.backend_args) as local:
                tree = ET.parse(local)
            width, height = self._image_size(tree, img_path)
            instances = self._parse_instance_info(tree)
            instances = _inside(instances, width, height)
        except ET.ParseError as error:
            raise ValueError(f'{path}: not well-formed xml: {error}') from None
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from error
        return dict(
            img_path=img_path,
            img_id=img_info['img_id'],
            xml_path=path,
            height=height,
            width=width,
            instances=instances,
        )

    def _is_local(self, path: str) -> bool:
        return not self.backend_args and '://' not in path

    def _image_name(self, img_id: str, listed: str) -> str:
        """Path of an image below ``sub_data_root``; mmdet says ``.jpg``."""
        stem = f'{self.img_subdir}/{img_id}'
        for suffix in _SUFFIXES:
            if Path(self.sub_data_root, f'{stem}{suffix}').is_file():
                return f'{stem}{suffix}'
        kinds = ', '.join(_SUFFIXES[: len(_SUFFIXES) // 2])
        raise ValueError(
            f'{Path(self.sub_data_root, stem)}: no such image ({kinds}), but '
            f'{listed} (names without suffix; check img_subdir and data_root)'
        )

    def _image_size(
        self, tree: ET.ElementTree, img_path: str
    ) -> tuple[int, int]:
        """Width and height that the xml gives, else those of the image."""
        size = tree.find('size')
        if size is None:
            data = get(img_path, backend_args=self.backend_args)
            # OpenCV raises an error of its own if there is nothing to decode.
            image = mmcv.imfrombytes(data, backend='cv2') if data else None
            if image is None:
                raise ValueError(
                    f'there is no size, and {img_path} is not a readable image'
                )
            return image.shape[1], image.shape[0]
        found = []
        for key in ('width', 'height'):
            text = size.findtext(key)
            try:
                found.append(int(text))
            except (TypeError, ValueError):
                found.append(0)
            if found[-1] <= 0:
                raise ValueError(
                    f'{key} in size must be a whole number above 0, not '
                    f'{text!r}'
                )
        return tuple(found)

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
            text = item.findtext('difficult', '0')
            try:
                int(text)
            except ValueError:
                raise ValueError(
                    f'object {number}: difficult is neither 0 nor 1 but '
                    f'{text!r}'
                ) from None
        return super()._parse_instance_info(raw_ann_info, minus_one)


def _inside(instances: list[dict], width: int, height: int) -> list[dict]:
    """Cut boxes to the image, and drop those without area.

    Args:
        instances (list[dict]): All objects of an image.
        width (int): Its width.
        height (int): Its height.

    Returns:
        list[dict]: Those that stay.

    Raises:
        ValueError: If a box reaches further out than rounding explains: box
            or size is wrong.
    """
    ends = (width, height, width, height)
    kept = []
    for number, instance in enumerate(instances, 1):
        box = [min(max(x, 0), end) for x, end in zip(instance['bbox'], ends)]
        over = [abs(x - cut) for x, cut in zip(instance['bbox'], box)]
        if max(over) > _OVERHANG:
            raise ValueError(
                f'object {number}: its box {[x + 1 for x in instance["bbox"]]}'
                f' lies outside the image, {width} x {height} pixels by size'
            )
        if box[0] < box[2] and box[1] < box[3]:
            kept.append(dict(instance, bbox=box))
    return kept
