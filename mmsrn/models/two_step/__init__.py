"""SRN's idea: selective classification (STC), selective regression (STR)."""

from .maps import TwoStepMaps
from .normalizer import PositiveNormalizer
from .quality import box_quality, step_qualities, takes_quality
from .selection_log import selection_log
from .selective_classification import STCGate, STCLoss
from .selective_regression import (
    BoxSamples,
    STRLoss,
    box_samples,
    move_anchors,
    second_step_anchors,
)
from .targets import (
    StepAssigner,
    StepTargets,
    TwoStepTargets,
    assign_two_steps,
)
from .weighed_loss import weighed_loss

__all__ = [
    'BoxSamples',
    'PositiveNormalizer',
    'STCGate',
    'STCLoss',
    'STRLoss',
    'StepAssigner',
    'StepTargets',
    'TwoStepMaps',
    'TwoStepTargets',
    'assign_two_steps',
    'box_quality',
    'box_samples',
    'move_anchors',
    'second_step_anchors',
    'selection_log',
    'step_qualities',
    'takes_quality',
    'weighed_loss',
]
