from .second_step_roi_extractor import SecondStepRoIExtractor

__all__ = ['SecondStepRoIExtractor']
