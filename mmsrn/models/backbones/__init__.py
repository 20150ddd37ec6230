"""Backbones; importing registers them in mmdet."""

from .root_resnet import RootResNet

__all__ = ['RootResNet']
