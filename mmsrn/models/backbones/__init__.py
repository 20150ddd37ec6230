from .root_resnet import RootResNet

__all__ = ['RootResNet']
