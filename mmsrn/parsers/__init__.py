"""Readers of annotation files; they need the standard library alone."""

from .wider_face_txt import (
    ATTRIBUTES,
    AnnotationError,
    FaceImage,
    read_wider_face_txt,
)

__all__ = [
    'ATTRIBUTES',
    'AnnotationError',
    'FaceImage',
    'read_wider_face_txt',
]
