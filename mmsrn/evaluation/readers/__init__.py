"""Readers and writers of annotations and results.

They need numpy at most; scipy where a ``.mat`` file is read, torch where a
dump of tensors is, pyarrow where Parquet files are.
"""

from .bulk_results import is_bulk_folder, read_bulk_results
from .coco_results import read_coco_results
from .dark_face_labels import (
    label_files,
    parse_dark_face_label,
    read_dark_face_labels,
)
from .dark_face_list import (
    read_dark_face,
    read_dark_face_list,
    read_dark_face_names,
)
from .dark_face_splits import split_names
from .detection_dumps import read_dump_protocol, read_mmdet_dump
from .detection_text import DetectionFile, parse_detections
from .errors import AnnotationError, EvaluationWarning
from .image_names import ImageNames
from .submission import read_submission, write_submission
from .wider_face_mat import find_wider_face_mat, read_wider_face_mat
from .wider_face_set import read_wider_face_set
from .wider_face_txt import (
    ATTRIBUTES,
    FaceImage,
    is_official,
    read_wider_face_txt,
    wider_face_text,
)

__all__ = [
    'ATTRIBUTES',
    'AnnotationError',
    'DetectionFile',
    'EvaluationWarning',
    'FaceImage',
    'ImageNames',
    'find_wider_face_mat',
    'is_bulk_folder',
    'is_official',
    'label_files',
    'parse_dark_face_label',
    'parse_detections',
    'read_bulk_results',
    'read_coco_results',
    'read_dark_face',
    'read_dark_face_labels',
    'read_dark_face_list',
    'read_dark_face_names',
    'read_dump_protocol',
    'read_mmdet_dump',
    'read_submission',
    'read_wider_face_mat',
    'read_wider_face_set',
    'read_wider_face_txt',
    'split_names',
    'wider_face_text',
    'write_submission',
]
