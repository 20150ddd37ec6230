"""Datasets, samplers and transforms; importing registers them in mmdet."""

from .coco_face import CocoFaceDataset
from .dark_face import DarkFaceDataset
from .image_folder import ImageFolderDataset
from .samplers import SourceRatioSampler
from .transforms import *  # noqa: F403
from .voc_face import VOCFaceDataset
from .wider_face import WiderFaceDataset
from .yolo_face import YOLOFaceDataset

__all__ = [
    'CocoFaceDataset',
    'DarkFaceDataset',
    'ImageFolderDataset',
    'SourceRatioSampler',
    'VOCFaceDataset',
    'WiderFaceDataset',
    'YOLOFaceDataset',
]
