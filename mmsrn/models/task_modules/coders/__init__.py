from .srn_bbox_coder import SRNBBoxCoder

__all__ = ['SRNBBoxCoder']
