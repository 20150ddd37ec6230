"""Convolutions on chosen cells of a map, see docs/selective_inference.md."""

from .bands import run_in_bands
from .cells import Cells, dilate
from .pyramid import BuiltPyramid, Pyramid
from .row_layers import RowPlan, grow, run, runs_on_rows, share_of_work
from .rows_or_maps import RowsOrMaps, check_mode
from .upsample import sources, upsample_rows

__all__ = [
    'BuiltPyramid',
    'Cells',
    'Pyramid',
    'RowPlan',
    'RowsOrMaps',
    'check_mode',
    'dilate',
    'grow',
    'run',
    'run_in_bands',
    'runs_on_rows',
    'share_of_work',
    'sources',
    'upsample_rows',
]
