from .srn_head import SRNHead
from .stc_retina_head import STCRetinaHead
from .str_atss_head import STRATSSHead

__all__ = ['SRNHead', 'STCRetinaHead', 'STRATSSHead']
