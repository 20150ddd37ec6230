"""Faces in photos with one line."""

from .face_detector import FaceDetector
from .faces import Faces
from .photos import PhotoError, find_photos

__all__ = ['FaceDetector', 'Faces', 'PhotoError', 'find_photos']
