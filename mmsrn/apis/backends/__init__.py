"""What runs the network of a ``FaceDetector``."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Backend(Protocol):
    """A network with its weights.

    Attributes:
        facts (dict): What the model's file says of itself, such as
            ``test_scale`` and ``score_thr``.
    """

    facts: dict

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
