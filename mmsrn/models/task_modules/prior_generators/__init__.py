"""Generators of anchors; importing registers them in mmdet."""

from .srn_anchor_generator import SRNAnchorGenerator

__all__ = ['SRNAnchorGenerator']
