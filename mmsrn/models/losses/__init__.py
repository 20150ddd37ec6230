from .stc_loss import STCLoss
from .str_loss import BoxSamples, STRLoss

__all__ = ['BoxSamples', 'STCLoss', 'STRLoss']
