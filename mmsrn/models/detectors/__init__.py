"""Detectors; importing registers them in mmdet."""

from .enhanced_detector import EnhancedDetector
from .srn import SRN

__all__ = ['SRN', 'EnhancedDetector']
