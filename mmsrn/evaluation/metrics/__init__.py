"""Metrics; importing registers them in mmdet."""

from .dark_face_metric import DarkFaceMetric
from .wider_face_metric import WiderFaceMetric

__all__ = ['DarkFaceMetric', 'WiderFaceMetric']
