"""Boxes and the passes of a test; needs numpy alone."""

from .bbox import bbox_voting
from .scale_pass import Passes, ScalePass, published_passes

__all__ = ['Passes', 'ScalePass', 'bbox_voting', 'published_passes']
