"""Coders of boxes; importing registers them in mmdet."""

from .srn_bbox_coder import SRNBBoxCoder

__all__ = ['SRNBBoxCoder']
