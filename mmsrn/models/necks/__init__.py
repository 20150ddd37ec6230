from .rfe_neck import RFENeck
from .srn_fpn import SRNFPN

__all__ = ['RFENeck', 'SRNFPN']
