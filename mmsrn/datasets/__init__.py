"""Datasets and transforms; importing registers them in mmdet."""

from .transforms import *  # noqa: F403
from .voc_face import VOCFaceDataset
from .wider_face import WiderFaceDataset

__all__ = ['VOCFaceDataset', 'WiderFaceDataset']
