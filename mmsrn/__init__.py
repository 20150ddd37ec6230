"""mmsrn: the Selective Refinement Network (SRN) inside MMDetection 3.

Importing the package is cheap and needs none of torch, mmcv or mmdet, so that
its parts that need no detector can be used alone.  The parts that register
modules in ``mmdet.registry`` are the subpackages a config names in
``custom_imports``; :func:`mmsrn.utils.register_all_modules` imports them all.
"""

from .version import __version__

__all__ = ['__version__']
