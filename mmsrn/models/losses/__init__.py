"""Losses of a sample, and of learned enhancement."""

from .scale_aware_margin_loss import ScaleAwareMarginLoss
from .zero_reference import (
    ColorConstancyLoss,
    ExposureControlLoss,
    IlluminationSmoothnessLoss,
    SpatialConsistencyLoss,
)

__all__ = [
    'ColorConstancyLoss',
    'ExposureControlLoss',
    'IlluminationSmoothnessLoss',
    'ScaleAwareMarginLoss',
    'SpatialConsistencyLoss',
]
