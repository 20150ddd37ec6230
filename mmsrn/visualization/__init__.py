"""Pictures of what SRN does: selection, detections, curves, reports.

Needs matplotlib and OpenCV, which come with MMDetection. The functions return
``matplotlib`` figures or images and never touch the state of ``pyplot``.
"""

from .curves import draw_losses, draw_pr_curves, load_scalars
from .detections import draw_detections, match_detections
from .report import HtmlReport
from .selection import (
    LevelSelection,
    count_stc,
    draw_iou_shift,
    draw_stc,
    draw_str,
    measure_str,
    read_selection,
)

__all__ = [
    'HtmlReport',
    'LevelSelection',
    'count_stc',
    'draw_detections',
    'draw_iou_shift',
    'draw_losses',
    'draw_pr_curves',
    'draw_stc',
    'draw_str',
    'load_scalars',
    'match_detections',
    'measure_str',
    'read_selection',
]
