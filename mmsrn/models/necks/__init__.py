"""Necks: pyramids with maps for both steps."""

from .rfe_neck import RFENeck
from .srn_fpn import SRNFPN
from .two_step_neck import TwoStepNeck

__all__ = ['RFENeck', 'SRNFPN', 'TwoStepNeck']
