from .feature_supervision_head import FeatureSupervisionHead
from .second_step_roi_extractor import SecondStepRoIExtractor

__all__ = ['FeatureSupervisionHead', 'SecondStepRoIExtractor']
