"""Learned enhancement of dark images."""

from .base_enhancer import BaseEnhancer, content_sizes, enhance_batch
from .curve_enhancer import CurveEnhancer
from .image_enhancer import ImageEnhancer
from .weights import enhance_image, load_enhancer

__all__ = [
    'BaseEnhancer',
    'CurveEnhancer',
    'ImageEnhancer',
    'content_sizes',
    'enhance_batch',
    'enhance_image',
    'load_enhancer',
]
