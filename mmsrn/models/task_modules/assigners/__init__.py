"""Assigners; importing registers them in mmdet."""

from .levelwise_assigner import LevelwiseAssigner

__all__ = ['LevelwiseAssigner']
