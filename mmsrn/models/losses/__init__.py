"""Losses of both steps, and of learned enhancement."""

from .scale_aware_margin_loss import ScaleAwareMarginLoss
from .stc_loss import STCLoss
from .str_loss import BoxSamples, STRLoss
from .zero_reference import (
    ColorConstancyLoss,
    ExposureControlLoss,
    IlluminationSmoothnessLoss,
    SpatialConsistencyLoss,
)

__all__ = [
    'BoxSamples',
    'ColorConstancyLoss',
    'ExposureControlLoss',
    'IlluminationSmoothnessLoss',
    'STCLoss',
    'STRLoss',
    'ScaleAwareMarginLoss',
    'SpatialConsistencyLoss',
]
