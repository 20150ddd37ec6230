from .levelwise_assigner import LevelwiseAssigner

__all__ = ['LevelwiseAssigner']
