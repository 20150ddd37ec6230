from .bbox_voting_tta import BBoxVotingTTAModel

__all__ = ['BBoxVotingTTAModel']
