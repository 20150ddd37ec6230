"""Helpers of the models."""

from .config_of import is_config_of
from .levels import flatten_levels, level_mask

__all__ = ['flatten_levels', 'is_config_of', 'level_mask']
