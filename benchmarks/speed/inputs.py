"""Images that detectors are measured on."""

from __future__ import annotations

from pathlib import Path

from mmcv.transforms import Compose
from mmdet.registry import DATASETS
from mmdet.utils import get_test_pipeline_cfg
from mmengine.dataset import pseudo_collate

from mmsrn.testing.models import random_batch
from mmsrn.utils.folder_tree import find_files
from mmsrn.utils.image_files import IMAGE_SUFFIXES, read_image

from .detectors import Batch, Loaded


def noise(loaded: Loaded, size: tuple[int, int]) -> list[Batch]:
    """Make an image of noise.

    Args:
        loaded (Loaded): The detector it is for.
        size (tuple[int, int]): Height and width in pixels.

    Returns:
        list[tuple[Tensor, list]]: One batch of one image.
    """
    return [_preprocess(loaded, random_batch(1, size))]


def find_photos(folder: Path) -> list[Path]:
    """Images in a folder and those below it, without hidden ones.

    Args:
        folder (Path): The folder.

    Returns:
        list[Path]: In the order of their folders and names.

    Raises:
        ValueError: If there is none.
    """
    if not folder.is_dir():
        raise ValueError(f'--images {folder}: is no folder')
    found = [
        folder / x
        for x in find_files(folder)
        if x.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not found:
        raise ValueError(
            f'--images {folder}: has no image ({" ".join(IMAGE_SUFFIXES)})'
        )
    return found


def read_photos(loaded: Loaded, paths: list[Path]) -> list[Batch]:
    """Read photos as the test of a config does.

    Args:
        loaded (Loaded): The detector they are for.
        paths (list[Path]): Of the files.

    Returns:
        list[tuple[Tensor, list]]: A batch for each.

    Raises:
        ValueError: If the config has no test pipeline, or a file is no image.
    """
    if not loaded.cfg.get('test_dataloader'):
        raise ValueError(
            f'{loaded.config}: has no test_dataloader, whose pipeline '
            '--images needs; measure with --size'
        )
    pipeline = Compose(get_test_pipeline_cfg(loaded.cfg))
    batches = []
    for i, path in enumerate(paths):
        try:
            read_image(path)  # the pipeline does not name a damaged file
        except (OSError, SyntaxError, ValueError) as error:
            raise ValueError(f'--images: {path}: {error}') from error
        data = pipeline(dict(img_path=str(path), img_id=i))
        batches.append(_preprocess(loaded, pseudo_collate([data])))
    return batches


def read_test_set(loaded: Loaded, number: int) -> list[Batch]:
    """Read photos of the test set of a config.

    Args:
        loaded (Loaded): The detector they are for.
        number (int): How many, as far apart as can be.

    Returns:
        list[tuple[Tensor, list]]: A batch for each.

    Raises:
        ValueError: If the config has no such set, or it cannot be read, or
            has fewer photos.
    """
    where = f'--test-photos: {loaded.config}'
    if not loaded.cfg.get('test_dataloader'):
        raise ValueError(f'{where}: has no test_dataloader; try --images')
    try:
        dataset = DATASETS.build(loaded.cfg.test_dataloader.dataset)
    except OSError as error:
        raise ValueError(
            f'{where}: {error}; data/README.md shows how to lay data out'
        ) from error
    if len(dataset) < number:
        raise ValueError(
            f'{where}: its test set has {len(dataset)} photos, not {number}'
        )
    chosen = [i * len(dataset) // number for i in range(number)]
    return [_preprocess(loaded, pseudo_collate([dataset[i]])) for i in chosen]


def _preprocess(loaded: Loaded, data: dict) -> Batch:
    data = loaded.model.data_preprocessor(data, False)
    return data['inputs'], data['data_samples']
