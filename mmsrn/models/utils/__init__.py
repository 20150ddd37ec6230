from .levels import flatten_levels, level_mask

__all__ = ['flatten_levels', 'level_mask']
