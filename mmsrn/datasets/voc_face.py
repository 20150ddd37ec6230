"""Custom sets in the VOC layout."""

import os.path as osp
import unicodedata
import xml.etree.ElementTree as ET
from functools import cached_property
from pathlib import Path, PureWindowsPath

from mmdet.datasets import XMLDataset
from mmdet.registry import DATASETS
from mmengine.fileio import get
from rich.progress import track

from mmsrn.utils.file_finder import FileFinder
from mmsrn.utils.image_files import IMAGE_SUFFIXES
from mmsrn.utils.image_header import ImageHeader, read_header

from .empty_sets import refuse_empty
from .face_labels import (
    ClassMap,
    Remarks,
    check_stated_sizes,
    place_boxes,
    refuse_shares,
)
from .voc_xml import list_names, parse_voc_xml, stated_size, tidy_objects


@DATASETS.register_module()
class VOCFaceDataset(XMLDataset):
    """Dataset in VOC's layout, with a map of class names.

    Args:
        class_map (dict[str, str], optional): Name in the xml to class, such
            as ``{'with_mask': 'face', 'without_mask': 'face'}``, or to None to
            leave its objects out; the key ``'*'`` stands for every other name.
        img_subdir (str): Folder of the images below ``sub_data_root``.
        ann_subdir (str): Folder of the xml files below ``sub_data_root``.
        **kwargs: Further arguments of ``XMLDataset``.

    Lines of a list may have suffixes, folders, or VOC's ``1`` and ``-1``
    behind the names.  Sizes come from the images; a warning lists images for
    which the annotations state another size.  Boxes without area are dropped,
    and boxes that leave the image by a few pixels are clipped; a warning
    counts both.

    Raises:
        ValueError: While reading, if the list is missing, empty or has a name
            twice; an image or xml file is missing or ambiguous; most images
            have another size than the annotations say; or an xml file is
            malformed, has a box outside the image, or has a class that is
            neither in ``class_map`` nor in the classes.
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
        self.names = ClassMap(self.class_map, classes)
        self.cat2label = {name: label for label, name in enumerate(classes)}
        self.remarks = Remarks()
        listed = self._read_list()
        data_list = [
            self.parse_data_info(dict(img_id=name, line=line))
            for name, line in track(
                listed.items(),
                'Reading',
                total=len(listed),
                disable=len(listed) < 5000,
            )
        ]
        refuse_shares(
            (box for x in data_list for box in x.pop('corners')), self.ann_file
        )
        headers = {x['img_id']: x.pop('header') for x in data_list}
        sizes = {x['img_id']: x.pop('stated') for x in data_list}
        stated = {
            x['img_id']: sizes[x['img_id']]
            for x in data_list
            if x['instances'] and sizes[x['img_id']]
        }
        other = check_stated_sizes(stated, headers, self.ann_file)
        for info in data_list:
            name, path = info['img_id'], info['xml_path']
            try:
                info['instances'] = place_boxes(
                    info['instances'],
                    (info['width'], info['height']),
                    self.remarks,
                    name,
                    trusted=name not in other,
                    origin=1,
                )
            except ValueError as error:
                raise ValueError(f'{path}: {error}') from None
        self.remarks.tell(self.ann_file)
        return data_list

    def _serialize_data(self):
        refuse_empty(self)
        return super()._serialize_data()

    @property
    def _is_local(self) -> bool:
        return not self.backend_args and '://' not in self.sub_data_root

    @cached_property
    def _images(self) -> FileFinder:
        folder = Path(self.sub_data_root, self.img_subdir)
        return FileFinder(folder, IMAGE_SUFFIXES)

    @cached_property
    def _xml_files(self) -> FileFinder:
        folder = Path(self.sub_data_root, self.ann_subdir)
        return FileFinder(folder, ('.xml',), of_names=IMAGE_SUFFIXES)

    def _find_xml(self, name: str) -> str | None:
        """Path of an annotation below its folder, without suffix."""
        found = self._xml_files.find(name)
        if len(found) > 1:
            raise ValueError(
                f'{self.ann_file}: {name} may mean {found[0]} or {found[1]} '
                f'in {self._xml_files.folder}; write its folder too'
            )
        return osp.splitext(found[0])[0] if found else None

    def _read_list(self) -> dict[str, int]:
        """Read which images there are.

        Returns:
            dict[str, int]: Their names, which are those of the xml files
            without suffix, and the line of each.
        """
        try:
            data = get(self.ann_file, backend_args=self.backend_args)
            lines = list_names(
                data, lambda x: not self._is_local or bool(self._find_xml(x))
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
        except IsADirectoryError:
            raise ValueError(
                f'{self.ann_file}: is a folder; name the list of images'
            ) from None
        listed: dict[str, int] = {}
        for number, line in lines:
            name = line
            if self._is_local:
                name = self._find_xml(line) or self._xml_files.stem(line)
            if name in listed:
                raise ValueError(
                    f'{self.ann_file}:{number}: {name} stands in line '
                    f'{listed[name]} already'
                )
            listed[name] = number
        if not listed:
            raise ValueError(f'{self.ann_file}: the file is empty')
        return listed

    def parse_data_info(self, img_info: dict) -> dict:
        """Parse one xml file.

        Args:
            img_info (dict): ``img_id``, the name of the xml file, and the
                ``line`` of the list.

        Returns:
            dict: Annotations in mmdet's format, the ``header`` of the image,
            the size ``stated`` in the xml or None, and the ``corners`` of the
            boxes as written there; mmdet's are whole numbers.

        Raises:
            ValueError: See the class.
        """
        name = img_info['img_id']
        found = self._xml_files.find(name) if self._is_local else []
        file = found[0] if found else f'{name}.xml'  # or .XML
        path = osp.join(self.sub_data_root, self.ann_subdir, file)
        listed = f'{self.ann_file}:{img_info["line"]} lists it'
        if self._is_local and not found:
            raise ValueError(
                f'{path}: no such file, but {listed} (check ann_subdir and '
                'data_root)'
            )
        try:
            data = get(path, backend_args=self.backend_args)
            root = parse_voc_xml(data)
            stated = stated_size(root)
            corners = tidy_objects(root, self.names.fold)
            instances = self._parse_instance_info(root)
            file_name = f'{self.img_subdir}/{name}.jpg'
            if self._is_local:
                file_name = self._image_name(name, root, listed)
            img_path = osp.join(self.sub_data_root, file_name)
            header = self._header(img_path)
        except (OSError, ValueError) as error:
            raise ValueError(f'{path}: {error}') from error
        width, height = header.size
        return dict(
            img_path=img_path,
            img_id=name,
            xml_path=path,
            height=height,
            width=width,
            instances=instances,
            header=header,
            stated=stated,
            corners=corners,
        )

    def _header(self, img_path: str) -> ImageHeader:
        try:
            if self._is_local:
                return read_header(img_path)
            return read_header(get(img_path, self.backend_args))
        except (OSError, ValueError) as error:
            raise ValueError(
                f'{img_path} is not a readable image: {error}'
            ) from None

    def _image_name(self, name: str, root: ET.Element, listed: str) -> str:
        """Path of an image below ``sub_data_root``; mmdet says ``.jpg``."""
        found = self._images.find(name)
        if len(found) > 1:
            named = PureWindowsPath(root.findtext('filename') or '').name
            named = unicodedata.normalize('NFC', named.strip())
            rest = [
                x
                for x in found
                if unicodedata.normalize('NFC', Path(x).name) == named
            ]
            if len(rest) != 1:
                raise ValueError(
                    f'{found[0]} and {found[1]} in {self._images.folder} are '
                    'both images of this name, and filename says neither'
                )
            self.remarks.add(
                'images have the name of another one, which filename in the '
                'xml means, and are left out',
                ', '.join(x for x in found if x not in rest),
            )
            found = rest
        if not found:
            raise ValueError(
                f'{self._images.folder / name}: no such image '
                f'({", ".join(IMAGE_SUFFIXES)}), but {listed} (check '
                'img_subdir and data_root)'
            )
        return f'{self.img_subdir}/{found[0]}'
