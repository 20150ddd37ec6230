"""Boxes and the passes of a test; needs numpy alone."""

from .bbox import bbox_voting

__all__ = ['bbox_voting']
