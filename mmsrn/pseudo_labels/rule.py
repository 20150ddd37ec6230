"""From what teachers said about a photo to faces of WIDER FACE's layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .agreement import agree

__all__ = ['FLOOR', 'Labels', 'Rule']

#: Least score that is asked of a teacher and kept.
FLOOR = 0.1


@dataclass(frozen=True, eq=False)
class Labels:
    """The faces of a photo.

    Attributes:
        boxes (np.ndarray): (n, 4) int: x, y, width and height, in pixels of
            the upright photo and inside it.
        sure (np.ndarray): (n,) bool.
        votes (np.ndarray): (n,) int, teachers that saw each.
    """

    boxes: np.ndarray
    sure: np.ndarray
    votes: np.ndarray

    def faces(self) -> list[tuple[int, ...]]:
        """Faces as ``FaceImage`` has them; unsure ones are ``invalid``."""
        return [
            (*box, 0, 0, 0, int(not sure), 0, 0)
            for box, sure in zip(self.boxes.tolist(), self.sure)
        ]


@dataclass(frozen=True)
class Rule:
    """When a face is sure, and when it is one at all.

    Args:
        sure (tuple[float]): Of each teacher, the score from which on it is
            sure of a face.
        unsure (tuple[float]): Of each, the score from which on it sees one.
        agree (int): Teachers that must have seen a sure face.
        iou (float): Of boxes that are of one face.
        min_size (float): Faces with a shorter side, in pixels, are unsure.

    Raises:
        ValueError: If a number is out of its range.
    """

    sure: tuple[float, ...]
    unsure: tuple[float, ...]
    agree: int
    iou: float = 0.5
    min_size: float = 4

    def __post_init__(self) -> None:
        for sure, unsure in zip(self.sure, self.unsure):
            if not FLOOR <= unsure <= 1:
                raise ValueError(
                    f'unsure {unsure:g}: must be from {FLOOR:g}, below which '
                    'nothing is recorded, to 1'
                )
            if not unsure <= sure <= 1:
                raise ValueError(
                    f'sure {sure:g}: must be from unsure, {unsure:g}, to 1'
                )
        if not 1 <= self.agree <= len(self.sure):
            raise ValueError(
                f'agree {self.agree}: must be from 1 to the number of '
                f'teachers, {len(self.sure)}'
            )
        if not 0 < self.iou <= 1:
            raise ValueError(f'iou {self.iou:g}: must be above 0, at most 1')
        if not self.min_size >= 0:
            raise ValueError(f'min_size {self.min_size:g}: is less than 0')

    def settings(self) -> dict[str, Any]:
        """The rule as json has it."""
        return {
            k: list(v) if isinstance(v, tuple) else v
            for k, v in asdict(self).items()
        }

    def __call__(
        self, found: Sequence[np.ndarray], width: int, height: int
    ) -> Labels:
        """Label a photo.

        Args:
            found (Sequence[np.ndarray]): See :func:`agree`.
            width (int): Of the photo in pixels.
            height (int): Of the photo in pixels.

        Returns:
            Labels: Its faces; each has at least one pixel.
        """
        known = agree(found, self.sure, self.unsure, self.agree, self.iou)
        size = np.array([width, height])
        low = np.rint(known.boxes[:, :2]).astype(int).clip(0, size - 1)
        high = np.rint(known.boxes[:, 2:]).astype(int)
        sides = np.minimum(high, size).clip(low + 1) - low
        sure = known.sure & (sides.min(axis=1) >= self.min_size)
        return Labels(np.hstack([low, sides]), sure, known.votes)
