"""Sets of photos whose faces are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from mmengine.config import ConfigDict


class LabelledPhoto(NamedTuple):
    """A photo that has not been read, and its faces.

    Attributes:
        path (Path): The file.
        faces (np.ndarray): Corners in pixels of the file, (n, 4).
        ignored (np.ndarray): Those of faces that do not count, (m, 4): a
            detection there is neither a hit nor a false alarm.
    """

    path: Path
    faces: np.ndarray
    ignored: np.ndarray


class LabelledSet(NamedTuple):
    """Photos that are measured together.

    Attributes:
        name (str): For tables.
        photos (list[LabelledPhoto]): At least one.
    """

    name: str
    photos: list[LabelledPhoto]

    @property
    def num_faces(self) -> int:
        """Number of faces that count."""
        return sum(len(x.faces) for x in self.photos)


def read_set(
    path: str, images: str | None = None, limit: int | None = None
) -> LabelledSet:
    """Read a set.

    Args:
        path (str): A list in WIDER FACE's layout, in which faces marked
            invalid do not count; or a config, whose ``test_dataloader`` is
            read.
        images (str, optional): Folder of the photos of a list. None:
            ``images`` beside it.
        limit (int, optional): Read only this many photos, the first ones.

    Returns:
        LabelledSet: The set.

    Raises:
        ValueError: If the labels cannot be read, name no face or name a photo
            that does not exist.
    """
    if Path(path).suffix == '.py':
        found = LabelledSet(Path(path).stem, _from_config(path, limit))
    else:
        folder = Path(images) if images else Path(path).parent / 'images'
        name = Path(path).stem.removesuffix('_bbx_gt')
        found = LabelledSet(name, _from_list(path, folder, limit))
    if not found.num_faces:
        raise ValueError(
            f'{path}: has no face to find; photos without people belong to '
            '--no-faces'
        )
    return found


def folder_without_faces(path: str, limit: int | None = None) -> LabelledSet:
    """List photos that show no faces.

    Args:
        path (str): Their folder.
        limit (int, optional): Take only this many photos, the first ones.

    Returns:
        LabelledSet: The set.

    Raises:
        PhotoError: If there is no photo.
    """
    from mmsrn.apis import find_photos

    photos = [
        _photo(x.content, [], []) for x in find_photos(Path(path))[:limit]
    ]
    return LabelledSet(Path(path).name, photos)


def read_photos(
    settings: ConfigDict, limit: int | None = None
) -> list[LabelledPhoto]:
    """Read the photos of a dataset.

    Args:
        settings (ConfigDict): Config of the dataset; its pipeline plays no
            part.
        limit (int, optional): Read only this many photos, the first ones.

    Returns:
        list[LabelledPhoto]: In the order of the dataset.
    """
    from mmdet.registry import DATASETS

    dataset = DATASETS.build({**settings, 'pipeline': []})
    photos = []
    for index in range(min(len(dataset), limit or len(dataset))):
        info = dataset.get_data_info(index)
        groups: tuple[list, list] = [], []
        for item in info['instances']:
            groups[bool(item.get('ignore_flag', 0))].append(item['bbox'])
        photos.append(_photo(info['img_path'], *groups))
    return photos


def _photo(path: str | Path, faces: list, ignored: list) -> LabelledPhoto:
    faces, ignored = (
        np.array(x, np.float64).reshape(-1, 4) for x in (faces, ignored)
    )
    return LabelledPhoto(Path(path), faces, ignored)


def _from_list(
    path: str, folder: Path, limit: int | None
) -> list[LabelledPhoto]:
    from mmsrn.evaluation.readers import ATTRIBUTES, read_wider_face_txt

    invalid = 4 + ATTRIBUTES.index('invalid')
    photos = []
    for image in read_wider_face_txt(path)[:limit]:
        file = folder / image.name
        if not file.is_file():
            raise ValueError(
                f'{path}:{image.line}: there is no {file}; --images names '
                'the folder of the photos'
            )
        groups: tuple[list, list] = [], []
        for face in image.faces:
            x, y, w, h = face[:4]
            if w > 0 and h > 0:
                groups[bool(face[invalid])].append([x, y, x + w, y + h])
        photos.append(_photo(file, *groups))
    return photos


def _from_config(path: str, limit: int | None) -> list[LabelledPhoto]:
    from mmengine.config import Config
    from mmengine.logging import MMLogger
    from mmengine.registry import init_default_scope

    from mmsrn.utils import register_all_modules
    from mmsrn.utils.one_line import one_line

    register_all_modules()
    init_default_scope('mmdet')
    MMLogger.get_current_instance().setLevel('ERROR')
    try:
        settings = Config.fromfile(path).test_dataloader.dataset
        return read_photos(settings, limit)
    except Exception as error:  # a config is code
        raise ValueError(f'{path}: {one_line(error)}') from error
