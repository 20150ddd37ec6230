"""Dense heads: SRN, and its ideas in heads of mmdet."""

from .max_out_srn_head import MaxOutSRNHead
from .srn_head import SRNHead
from .srn_rpn_head import SRNRPNHead
from .stc_retina_head import STCRetinaHead
from .str_atss_head import STRATSSHead

__all__ = [
    'MaxOutSRNHead',
    'SRNHead',
    'SRNRPNHead',
    'STCRetinaHead',
    'STRATSSHead',
]
