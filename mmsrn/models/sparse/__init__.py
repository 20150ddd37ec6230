"""Convolutions on chosen cells of a map, see docs/selective_inference.md."""

from .cells import Cells, dilate
from .pyramid import BuiltPyramid, Pyramid
from .row_layers import RowPlan, grow, run, runs_on_rows, share_of_work
from .upsample import sources, upsample_rows

__all__ = [
    'BuiltPyramid',
    'Cells',
    'Pyramid',
    'RowPlan',
    'dilate',
    'grow',
    'run',
    'runs_on_rows',
    'share_of_work',
    'sources',
    'upsample_rows',
]
