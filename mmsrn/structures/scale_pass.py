"""The passes of the published multi-scale test over one image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple


class ScalePass(NamedTuple):
    """One pass: how the image is changed, and which boxes of it count.

    Sides are of the original image, in pixels.

    Attributes:
        resizes (tuple[float]): Factors the image is resized by, one after the
            other; empty for the original size.
        flip (bool): Whether the image is flipped left to right, after that.
        longer_than (float): Boxes count whose longer side is more than this.
        shorter_than (float): Boxes count whose shorter side is less than this.
    """

    resizes: tuple[float, ...] = ()
    flip: bool = False
    longer_than: float = 0.0
    shorter_than: float = math.inf

    @property
    def scale(self) -> float:
        """Factor of all resizes together, before sizes are rounded."""
        return math.prod(self.resizes)

    def __str__(self) -> str:
        return f'x{self.scale:.4g}{" flipped" if self.flip else ""}'


class Passes:
    """A list that belongs to one image.

    Images differ in their number of passes. Functions that collate images into
    batches refuse lists of different lengths, but do not touch this type.

    Args:
        items (list): One item for each pass.
    """

    def __init__(self, items: list) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]

    def __iter__(self) -> Iterator:
        return iter(self.items)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.items!r})'


def published_passes(
    height: int, width: int, max_size: int
) -> list[ScalePass]:
    """List the passes of SRN's published test over one image.

    An image of fewer than ``max_size ** 2`` pixels is processed at its size,
    flipped, at half its size (boxes over 30 pixels count), and enlarged (boxes
    under 100 pixels count): by 1.5, 1.5 ** 2 ... while it stays below
    ``max_size ** 2`` pixels, and then to that size. A larger image is reduced
    to ``max_size ** 2`` pixels and processed at that size, flipped, and at
    0.75 and 0.5 of it (boxes over 30 pixels count). So no pass exceeds
    ``max_size ** 2`` pixels, except for rounding of both sides.

    Source: SRN's published ``tools/test.py``; ``max_size`` is 2100 there, and
    1400 for GPUs of 11 or 12 GB.

    Args:
        height, width (int): Of the image, in pixels, at least 1.
        max_size (int): Side of the square that bounds the pixels of a pass.

    Returns:
        list[ScalePass]: The passes, in the published order.

    Example:
        >>> [str(x) for x in published_passes(768, 1024, 1400)]
        ['x1', 'x1 flipped', 'x0.5', 'x1.5', 'x1.579']
    """
    largest = max_size * max_size
    if height * width < largest:
        enlarged = math.floor(math.log(largest / width / height, 2.25))
        factors = [1.5 ** (t + 1) for t in range(enlarged)]
        factors.append(math.sqrt(largest / height / width))
        return [
            ScalePass(),
            ScalePass(flip=True),
            ScalePass((0.5,), longer_than=30),
            *(ScalePass((x,), shorter_than=100) for x in factors),
        ]
    ratio = math.sqrt(largest / width / height)
    return [
        ScalePass((ratio,)),
        ScalePass((ratio,), flip=True),
        ScalePass((ratio, 0.75), longer_than=30),
        ScalePass((ratio, 0.5), longer_than=30),
    ]
