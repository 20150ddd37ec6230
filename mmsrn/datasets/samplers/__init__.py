"""Samplers; importing registers them in mmdet."""

from .source_ratio_sampler import SourceRatioSampler

__all__ = ['SourceRatioSampler']
