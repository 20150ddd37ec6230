"""Assigners; importing registers them in mmdet."""

from .chunked_max_iou_assigner import ChunkedMaxIoUAssigner
from .levelwise_assigner import LevelwiseAssigner

__all__ = ['ChunkedMaxIoUAssigner', 'LevelwiseAssigner']
