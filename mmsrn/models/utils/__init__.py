"""Helpers of the models."""

from .channels_last import use_channels_last
from .config_of import is_config_of
from .dead_channels import drop_dead_channels
from .levels import (
    cells_with,
    check_first_maps,
    check_number_of_maps,
    checked_levels,
    flatten_levels,
    level_mask,
)
from .predictor_init import ChannelBiasInit, with_predictors
from .reject_unknown import reject_unknown
from .srn_init import SRNNormalInit
from .vote_boxes import vote_boxes

__all__ = [
    'ChannelBiasInit',
    'SRNNormalInit',
    'cells_with',
    'check_first_maps',
    'check_number_of_maps',
    'checked_levels',
    'drop_dead_channels',
    'flatten_levels',
    'is_config_of',
    'level_mask',
    'reject_unknown',
    'use_channels_last',
    'vote_boxes',
    'with_predictors',
]
