"""Protocols of face evaluation in numpy; need no torch, mmcv or mmdet.

A protocol is one file: ``widerface.py``, ``darkface.py``.
"""

from .analysis import (
    WorstImage,
    ap_by_attribute,
    ap_by_height,
    ap_by_iou,
    bootstrap_ap,
    false_positives_at_recall,
    worst_images,
)
from .curves import FaceCurve, average_precision, pr_curve
from .darkface import DARK_FACE, eval_darkface
from .face_protocol import FaceEvaluation, FaceProtocol
from .matching import (
    NUM_THRESHOLDS,
    FaceMatches,
    match_faces,
    normalize_scores,
)
from .overlaps import face_overlaps
from .widerface import WIDER_FACE, eval_widerface, read_wider_face

__all__ = [
    'DARK_FACE',
    'NUM_THRESHOLDS',
    'WIDER_FACE',
    'FaceCurve',
    'FaceEvaluation',
    'FaceMatches',
    'FaceProtocol',
    'WorstImage',
    'ap_by_attribute',
    'ap_by_height',
    'ap_by_iou',
    'average_precision',
    'bootstrap_ap',
    'eval_darkface',
    'eval_widerface',
    'face_overlaps',
    'false_positives_at_recall',
    'match_faces',
    'normalize_scores',
    'pr_curve',
    'read_wider_face',
    'worst_images',
]
