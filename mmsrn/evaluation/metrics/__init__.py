"""Metrics; importing registers them in mmdet."""

from .brightness_metric import BrightnessMetric
from .face_metric import DarkFaceMetric, FaceMetric, WiderFaceMetric

__all__ = [
    'BrightnessMetric',
    'DarkFaceMetric',
    'FaceMetric',
    'WiderFaceMetric',
]
