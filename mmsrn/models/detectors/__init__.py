from .srn import SRN

__all__ = ['SRN']
