"""mmsrn: the Selective Refinement Network (SRN) inside MMDetection 3.

Importing the package is cheap and needs none of torch, mmcv or mmdet, so that
its parts that need no detector can be used alone.  The parts that register
modules in ``mmdet.registry`` are the subpackages a config names in
``custom_imports``; :func:`mmsrn.utils.register_all_modules` imports them all.

Example:
    >>> from mmsrn import FaceDetector
    >>> faces = FaceDetector().detect('photo.jpg')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .apis import FaceDetector, Faces, PhotoError

__all__ = ['FaceDetector', 'Faces', 'PhotoError', '__version__']


def __getattr__(name: str) -> Any:
    if name not in ('FaceDetector', 'Faces', 'PhotoError'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from . import apis

    return getattr(apis, name)
