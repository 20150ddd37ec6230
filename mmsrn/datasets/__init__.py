"""Datasets, samplers and transforms; importing registers them in mmdet."""

from .dark_face import DarkFaceDataset
from .image_folder import ImageFolderDataset
from .samplers import SourceRatioSampler
from .transforms import *  # noqa: F403
from .voc_face import VOCFaceDataset
from .wider_face import WiderFaceDataset

__all__ = [
    'DarkFaceDataset',
    'ImageFolderDataset',
    'SourceRatioSampler',
    'VOCFaceDataset',
    'WiderFaceDataset',
]
