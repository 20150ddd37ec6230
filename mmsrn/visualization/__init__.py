"""Pictures of data and of what SRN does: selection, detections, curves.

Needs matplotlib and OpenCV, which come with MMDetection. The functions return
``matplotlib`` figures or images and never touch the state of ``pyplot``.
"""

from .assignment import (
    LevelAssignment,
    StepAssignment,
    read_assignment,
)
from .assignment_figures import draw_assignment, draw_ground_truth
from .contact_sheet import draw_contact_sheet
from .curves import (
    draw_losses,
    draw_pr_curves,
    draw_pr_panels,
    load_scalars,
)
from .detections import (
    ComparedDetections,
    draw_detections,
    match_detections,
)
from .network_view import NetworkView
from .panels import rasterise
from .report import HtmlReport
from .selection import (
    LevelSelection,
    count_stc,
    measure_str,
    read_selection,
)
from .selection_figures import draw_iou_shift, draw_stc, draw_str
from .statistics import draw_statistics

__all__ = [
    'ComparedDetections',
    'HtmlReport',
    'LevelAssignment',
    'LevelSelection',
    'NetworkView',
    'StepAssignment',
    'count_stc',
    'draw_assignment',
    'draw_contact_sheet',
    'draw_detections',
    'draw_ground_truth',
    'draw_iou_shift',
    'draw_losses',
    'draw_pr_curves',
    'draw_pr_panels',
    'draw_statistics',
    'draw_stc',
    'draw_str',
    'load_scalars',
    'match_detections',
    'measure_str',
    'rasterise',
    'read_assignment',
    'read_selection',
]
