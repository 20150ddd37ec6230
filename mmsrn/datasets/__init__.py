from .voc_face import VOCFaceDataset

__all__ = ['VOCFaceDataset']
