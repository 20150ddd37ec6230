"""Any folder of images, without annotations."""

from pathlib import Path

from mmdet.datasets.base_det_dataset import BaseDetDataset
from mmdet.registry import DATASETS

from mmsrn.utils.folder_tree import find_files
from mmsrn.utils.image_files import IMAGE_SUFFIXES


@DATASETS.register_module()
class ImageFolderDataset(BaseDetDataset):
    """All images in a folder and below, without annotations.

    Hidden files are skipped; links are followed.

    Args:
        data_root (str): The folder.
        **kwargs: Further arguments of ``BaseDetDataset``, such as
            ``pipeline`` and ``indices``.

    Raises:
        ValueError: If there is no image in it.
    """

    METAINFO = dict(classes=())

    def __init__(self, data_root: str, **kwargs) -> None:
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Find the images.

        Returns:
            list[dict]: ``img_path`` and ``img_id``, without ``instances``,
            sorted by folder and name.
        """
        root = Path(self.data_root)
        paths = [
            root / name
            for name in find_files(root)
            if name.suffix.lower() in IMAGE_SUFFIXES
        ]
        if not paths:
            raise ValueError(
                f'{self.data_root}: no images ({", ".join(IMAGE_SUFFIXES)}) '
                'in it'
            )
        return [
            dict(img_path=str(path), img_id=i, instances=[])
            for i, path in enumerate(paths)
        ]
