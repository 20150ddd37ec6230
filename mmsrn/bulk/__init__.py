"""Faces in more photos than one process should look at, by Ray Data."""

from .detect import BulkError, detect
from .store import FaceTable
from .summary import Summary

__all__ = ['BulkError', 'FaceTable', 'Summary', 'detect']
