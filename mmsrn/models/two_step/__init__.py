"""SRN's idea: selective classification (STC), selective regression (STR)."""

from .box_quality import box_quality
from .normalizer import PositiveNormalizer
from .quality import takes_quality
from .selection_log import selection_log
from .selective_classification import STCGate, STCLoss
from .selective_regression import BoxSamples, STRLoss, move_anchors
from .targets import StepAssigner, StepTargets

__all__ = [
    'BoxSamples',
    'PositiveNormalizer',
    'STCGate',
    'STCLoss',
    'STRLoss',
    'StepAssigner',
    'StepTargets',
    'box_quality',
    'move_anchors',
    'selection_log',
    'takes_quality',
]
