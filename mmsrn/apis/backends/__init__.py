"""Interface of the backends that run the network of a ``FaceDetector``."""

from __future__ import annotations

from typing import Protocol

import numpy as np

#: What a resize has multiplied the width and the height of a photo by.
Factors = tuple[float, float]


class Backend(Protocol):
    """A network with its weights.

    Attributes:
        facts (dict): Metadata of the model's file, such as ``test_scale`` and
            ``score_thr``.
        max_faces (int, optional): Most faces of an image; None: no limit.
    """

    facts: dict
    max_faces: int | None

    def predict(
        self, images: list[np.ndarray], factors: list[Factors]
    ) -> list[np.ndarray]:
        """Detect faces.

        Args:
            images (list[np.ndarray]): BGR uint8 (h, w, 3), of any sizes,
                already resized.
            factors (list[Factors]): What each was resized by; boxes are
                divided by it before NMS, as by mmdet.

        Returns:
            list[np.ndarray]: For each image (n, 5) float32: corners in pixels
            of the photo before the resize and the score, sorted by falling
            score, after NMS.
        """
        ...

    def set_max_faces(self, number: int) -> None:
        """Set the limit of faces per image.

        Args:
            number (int): At least 1.

        Raises:
            ZooError: If the model's file has a lower limit of its own.
        """
        ...
