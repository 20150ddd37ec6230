"""Detectors as ONNX files; what runs such files needs NumPy alone."""

from .model_facts import ModelFacts
from .postprocess import nms, postprocess

__all__ = ['ModelFacts', 'nms', 'postprocess']
