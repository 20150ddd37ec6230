"""Detect faces in large numbers of photos with Ray Data."""

from .detect import BulkError, detect
from .store import FaceTable
from .summary import Summary

__all__ = ['BulkError', 'FaceTable', 'Summary', 'detect']
