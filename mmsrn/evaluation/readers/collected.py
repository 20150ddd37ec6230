"""Detections of one class, gathered image by image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .errors import AnnotationError
from .image_names import ImageNames

__all__ = ['Collected']


class Collected:
    """Detections of all images, of one class.

    Args:
        path (str | Path): Their file, for messages.
        names (list[str], optional): Images of the set.
        label (int, optional): Class to take.
    """

    def __init__(
        self, path: str | Path, names: list[str] | None, label: int | None
    ) -> None:
        self.path = path
        self.names = None if names is None else ImageNames(names)
        self.label = label
        self.labels: set[int] = set()
        self.found: dict[str, np.ndarray] = {}

    def add(
        self, image: str, rows: np.ndarray, labels: np.ndarray, where: str
    ) -> None:
        """Add an image; one of another set keeps its own name."""
        plain = '/'.join(image.replace('\\', '/').split('/')[-2:])
        name = self.names.find(image) if self.names is not None else None
        if name is None:
            stem, dot, suffix = plain.rpartition('.')
            name = stem if dot and '/' not in suffix else plain
        if name in self.found:
            raise AnnotationError(f'{where}: {name} is there twice')
        self.labels.update(np.unique(labels).tolist())
        if self.label is not None:
            rows = rows[labels == self.label]
        self.found[name] = rows

    def result(self) -> dict[str, np.ndarray]:
        """All images."""
        if self.label is None and len(self.labels) > 1:
            labels = ', '.join(map(str, sorted(self.labels)[:10]))
            raise AnnotationError(
                f'{self.path}: has detections of several classes ({labels}); '
                'say which of them is the face'
            )
        if (
            self.label is not None
            and self.labels - {self.label}
            and (self.label not in self.labels)
        ):
            labels = ', '.join(map(str, sorted(self.labels)[:10]))
            raise AnnotationError(
                f'{self.path}: has no detection of class {self.label}, but '
                f'of {labels}'
            )
        return self.found
