"""Official face evaluation in numpy; needs none of torch, mmcv or mmdet."""

from .face_ap import (
    NUM_THRESHOLDS,
    FaceCurve,
    FaceMatches,
    average_precision,
    match_faces,
    normalize_scores,
    pr_curve,
)
from .face_set import FaceSet, FaceSetting, face_set
from .overlaps import face_overlaps
from .protocols import (
    EvaluationWarning,
    FaceEvaluation,
    eval_darkface,
    eval_widerface,
)

__all__ = [
    'NUM_THRESHOLDS',
    'EvaluationWarning',
    'FaceCurve',
    'FaceEvaluation',
    'FaceMatches',
    'FaceSet',
    'FaceSetting',
    'average_precision',
    'eval_darkface',
    'eval_widerface',
    'face_overlaps',
    'face_set',
    'match_faces',
    'normalize_scores',
    'pr_curve',
]
