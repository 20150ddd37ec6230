"""Things for tests and demonstrations."""

from .synthetic_faces import draw_scene, write_synthetic_wider_face

__all__ = ['draw_scene', 'write_synthetic_wider_face']
