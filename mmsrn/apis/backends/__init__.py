"""What runs the network of a ``FaceDetector``."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Backend(Protocol):
    """A network with its weights.

    Attributes:
        facts (dict): What the model's file says of itself, such as
            ``test_scale`` and ``score_thr``.
        max_faces (int, optional): Most faces of an image; None: no limit.
    """

    facts: dict
    max_faces: int | None

    def predict(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """Detect faces.

        Args:
            images (list[np.ndarray]): BGR uint8 (h, w, 3), of any sizes, each
                seen at its own.

        Returns:
            list[np.ndarray]: For each (n, 5) float32: corners in its pixels
            and the score, falling, after non-maximum suppression.
        """
        ...

    def set_max_faces(self, number: int) -> None:
        """Set the most faces of an image.

        Args:
            number (int): From 1 on.

        Raises:
            ZooError: If the file of the model has a limit of its own.
        """
        ...
