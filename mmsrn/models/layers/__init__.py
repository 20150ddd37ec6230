"""Layers that the networks are made of."""

from .rfe import RFE

__all__ = ['RFE']
