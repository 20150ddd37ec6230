"""Regions: for two-stage detectors and for the supervision of features."""

from .feature_supervision_head import FeatureSupervisionHead
from .second_step_roi_extractor import SecondStepRoIExtractor

__all__ = ['FeatureSupervisionHead', 'SecondStepRoIExtractor']
