"""Selective execution: the second step only where it is needed."""

from .execution import SelectiveExecution
from .pyramid import SRNPyramid

__all__ = ['SRNPyramid', 'SelectiveExecution']
