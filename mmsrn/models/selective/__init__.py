"""Everything about computing less: the second step where it matters."""

from .execution import SelectiveExecution
from .pyramid import SRNPyramid

__all__ = ['SRNPyramid', 'SelectiveExecution']
