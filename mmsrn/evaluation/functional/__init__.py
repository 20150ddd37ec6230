"""Official face evaluation in numpy; needs none of torch, mmcv or mmdet."""

from .analysis import (
    WorstImage,
    ap_by_attribute,
    ap_by_height,
    ap_by_iou,
    bootstrap_ap,
    false_positives_at_recall,
    worst_images,
)
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
    'WorstImage',
    'ap_by_attribute',
    'ap_by_height',
    'ap_by_iou',
    'average_precision',
    'bootstrap_ap',
    'eval_darkface',
    'eval_widerface',
    'face_overlaps',
    'face_set',
    'false_positives_at_recall',
    'match_faces',
    'normalize_scores',
    'pr_curve',
    'worst_images',
]
