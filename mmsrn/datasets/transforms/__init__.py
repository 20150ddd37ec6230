"""Transforms of images and boxes; importing registers them in mmdet."""

from .data_anchor_sampling import DataAnchorSampling
from .enhance import Enhance
from .load_image import LoadImageFromFile
from .multi_scale_test_time_aug import MultiScaleTestTimeAug
from .protocol_resize import ProtocolResize
from .random_low_light import RandomLowLight
from .random_square_crop import RandomSquareCrop
from .shift_box_edges import ShiftBoxEdges

__all__ = [
    'DataAnchorSampling',
    'Enhance',
    'LoadImageFromFile',
    'MultiScaleTestTimeAug',
    'ProtocolResize',
    'RandomLowLight',
    'RandomSquareCrop',
    'ShiftBoxEdges',
]
