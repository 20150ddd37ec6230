"""Metrics; importing registers them in mmdet."""

from .brightness_metric import BrightnessMetric
from .dark_face_metric import DarkFaceMetric
from .wider_face_metric import WiderFaceMetric

__all__ = ['BrightnessMetric', 'DarkFaceMetric', 'WiderFaceMetric']
