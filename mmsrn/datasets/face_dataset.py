"""What the datasets of faces have in common."""

import os.path as osp
from collections.abc import Sequence
from pathlib import Path

from mmdet.datasets import BaseDetDataset
from mmengine.logging import print_log

from mmsrn.evaluation.readers import AnnotationError

from .empty_sets import refuse_empty
from .image_sizes import image_sizes, read_size_csv


class FaceDataset(BaseDetDataset):
    """Base class: faces as the only class, annotations without image sizes.

    Args:
        min_box_size (float): Drop boxes of less width or height, in pixels.
        image_sizes (str, optional): Table of name, width, height (name: file
            name without suffix) below ``data_root``.  By default the sizes
            are read from the image headers and kept beside the annotations.
        **kwargs: Arguments of ``BaseDetDataset``.

    Raises:
        AnnotationError: If annotations or images are missing or malformed.
    """

    METAINFO = {'classes': ('face',), 'palette': [(0, 255, 0)]}

    def __init__(
        self,
        *args,
        min_box_size: float = 0.0,
        image_sizes: str | None = None,
        **kwargs,
    ) -> None:
        self.min_box_size = min_box_size
        self.image_sizes = image_sizes
        super().__init__(*args, **kwargs)

    def _sizes(
        self, folder: Path, names: Sequence[str], source: str, cache: Path
    ) -> dict[str, tuple[int, int]]:
        """Read the widths and heights of images.

        Args:
            folder (Path): Folder of the images.
            names (Sequence[str]): Their paths below it.
            source (str): What names them, for messages.
            cache (Path): Table to keep the sizes in.

        Returns:
            dict[str, tuple[int, int]]: By name.

        Raises:
            AnnotationError: If the table or the folder lacks images.
        """
        if self.image_sizes is not None:
            path = osp.join(self.data_root or '', self.image_sizes)
            table = read_size_csv(path)
            stems = {name: Path(name).stem for name in names}
            missing = [name for name in names if stems[name] not in table]
            if missing:
                raise AnnotationError(
                    f'{path}: {len(missing)} images of {source} are '
                    f'not in the table (first: {missing[0]})'
                )
            return {name: table[stems[name]] for name in names}
        if not folder.is_dir():
            raise AnnotationError(
                f'{folder}: no such folder of images; data/README.md shows '
                'the layout'
            )
        # A list of one split with the images of the other.
        if not any(osp.isfile(folder / name) for name in names):
            raise AnnotationError(
                f'{folder}: has none of the {len(names)} images of '
                f'{source} (first: {names[0]}); do annotation file '
                'and image folder belong to the same split?'
            )
        return image_sizes(folder, names, cache)

    def _log_counts(
        self, source: str, total: int, data_list: list[dict]
    ) -> None:
        """Say what was read, and note in ``metainfo`` if it has no labels.

        Args:
            source (str): From where.
            total (int): Faces in it.
            data_list (list[dict]): What became of it.
        """
        if not total:
            self._metainfo['labelled'] = False
        faces = [x for info in data_list for x in info['instances']]
        ignored = sum(x['ignore_flag'] for x in faces)
        print_log(
            f'{source}: {len(data_list)} images, {total} faces, '
            f'{total - len(faces)} dropped, {ignored} ignored',
            'current',
        )

    def _serialize_data(self):
        refuse_empty(self)
        return super()._serialize_data()

    def filter_data(self) -> list[dict]:
        """Skip images by ``filter_cfg``, in training only.

        Returns:
            list[dict]: The images that stay.
        """
        if self.test_mode or self.filter_cfg is None:
            return self.data_list
        min_size = self.filter_cfg.get('min_size', 0)
        no_empty = self.filter_cfg.get('filter_empty_gt', False)
        return [
            info
            for info in self.data_list
            if min(info['width'], info['height']) >= min_size
            and not (
                no_empty and all(x['ignore_flag'] for x in info['instances'])
            )
        ]
