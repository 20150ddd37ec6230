"""Operations on boxes."""

from .bbox_voting import bbox_voting

__all__ = ['bbox_voting']
