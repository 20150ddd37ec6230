"""Boxes, faces of a set and the passes of a test; needs numpy alone."""

from .bbox import bbox_voting
from .face_set import FaceSet, FaceSetting, face_set
from .scale_pass import Passes, ScalePass, published_passes

__all__ = [
    'FaceSet',
    'FaceSetting',
    'Passes',
    'ScalePass',
    'bbox_voting',
    'face_set',
    'published_passes',
]
