"""Images that detectors are measured on."""

from __future__ import annotations

from pathlib import Path

from mmcv.transforms import Compose
from mmdet.utils import get_test_pipeline_cfg
from mmengine.dataset import pseudo_collate

from mmsrn.apis.photo_search import find_photos
from mmsrn.apis.photos import PhotoError, read_photo
from mmsrn.testing.models import random_batch
from mmsrn.utils.errors import UserError

from .detectors import Batch, Loaded


def noise(loaded: Loaded, size: tuple[int, int]) -> list[Batch]:
    """Make an image of noise."""
    return [_preprocess(loaded, random_batch(1, size))]


def read_photos(loaded: Loaded, folder: Path) -> list[Batch]:
    """Read photos as the test of a config does."""
    if not loaded.cfg.get('test_dataloader'):
        raise UserError(
            f'{loaded.config}: has no test_dataloader, whose pipeline '
            '--images needs; measure with --size'
        )
    pipeline = Compose(get_test_pipeline_cfg(loaded.cfg))
    batches = []
    try:
        for i, photo in enumerate(find_photos(folder)):
            path = str(photo.content)
            read_photo(path, path)  # the pipeline does not name damaged files
            data = pipeline(dict(img_path=path, img_id=i))
            batches.append(_preprocess(loaded, pseudo_collate([data])))
    except PhotoError as error:
        raise UserError(f'--images: {error}') from error
    return batches


def _preprocess(loaded: Loaded, data: dict) -> Batch:
    data = loaded.model.data_preprocessor(data, False)
    return data['inputs'], data['data_samples']
