"""Faces in photos with one line; names are imported when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .face_detector import FaceDetector
    from .faces import Faces
    from .photos import PhotoError, find_photos

__all__ = ['FaceDetector', 'Faces', 'PhotoError', 'find_photos']

_HOMES = {
    'FaceDetector': 'face_detector',
    'Faces': 'faces',
    'PhotoError': 'photos',
    'find_photos': 'photos',
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    home = importlib.import_module(f'.{_HOMES[name]}', __name__)
    return getattr(home, name)
