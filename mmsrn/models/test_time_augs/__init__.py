"""Test-time augmentation: many views of an image, merged."""

from .bbox_voting_tta import BBoxVotingTTAModel

__all__ = ['BBoxVotingTTAModel']
