"""Faces in photos with one line."""

from .face_detector import FaceDetector
from .faces import Faces
from .photo_search import find_photos
from .photos import PhotoError

__all__ = ['FaceDetector', 'Faces', 'PhotoError', 'find_photos']
