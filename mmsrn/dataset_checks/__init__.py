"""What can be wrong with a copy of a data set (see verify_dataset.py)."""

from .dark_face import check_dark_face
from .images import Problem, check_sizes, look_up, read_images
from .wider_face import check_boxes, check_counts

__all__ = [
    'Problem',
    'check_boxes',
    'check_counts',
    'check_dark_face',
    'check_sizes',
    'look_up',
    'read_images',
]
