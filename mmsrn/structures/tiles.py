"""Overlapping parts of an image, and which of their boxes count."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    Boxes = TypeVar('Boxes', np.ndarray, Tensor)

#: Part of a tile's side that it shares with its neighbour.
OVERLAP = 0.25
#: Part of the overlap, at either end of it, in which a box that ends there
#: may be cut off.
_MARGIN = 1 / 16
#: Two tiles give almost the same box for an object.
SAME_IOU = 0.5


class Tile(NamedTuple):
    """A part of an image, in pixels."""

    left: int
    top: int
    width: int
    height: int


def _starts(length: int, side: int) -> list[int]:
    """First pixels of the fewest tiles that overlap enough."""
    if side >= length:
        return [0]
    shared = side * OVERLAP
    num = math.ceil((length - shared) / (side - shared))
    return [round(i * (length - side) / (num - 1)) for i in range(num)]


def make_tiles(height: int, width: int, max_pixels: float) -> list[Tile]:
    """Cover an image with overlapping tiles, all of one size.

    Args:
        height, width (int): Of the image, in pixels.
        max_pixels (float): Most pixels of a tile, at least 1.

    Returns:
        list[Tile]: The tiles; the whole image if that is small enough.
    """
    if height * width <= max_pixels:
        return [Tile(0, 0, width, height)]
    side = max(int(math.sqrt(max_pixels)), 1)
    # The longer side of a narrow image may have what the shorter one leaves.
    if height <= width:
        tile_height = min(height, side)
        tile_width = min(width, max(int(max_pixels / tile_height), 1))
    else:
        tile_width = min(width, side)
        tile_height = min(height, max(int(max_pixels / tile_width), 1))
    return [
        Tile(left, top, tile_width, tile_height)
        for top in _starts(height, tile_height)
        for left in _starts(width, tile_width)
    ]


def is_whole(boxes: Boxes, tile: Tile, height: int, width: int) -> Boxes:
    """Tell which boxes their tile does not cut off.

    Args:
        boxes (np.ndarray | Tensor): (n, 4) corners in pixels of the tile.
        tile (Tile): The tile.
        height, width (int): Of the image, in pixels.

    Returns:
        np.ndarray | Tensor: (n,) bool.
    """
    across, down = _margins(tile)
    whole = boxes[:, 0] == boxes[:, 0]
    if tile.left:
        whole &= boxes[:, 0] >= across
    if tile.top:
        whole &= boxes[:, 1] >= down
    if tile.left + tile.width < width:
        whole &= boxes[:, 2] < tile.width - across
    if tile.top + tile.height < height:
        whole &= boxes[:, 3] < tile.height - down
    return whole


def exceeds_overlap(
    boxes: Boxes, tile: Tile, height: int, width: int
) -> Boxes:
    """Tell which boxes may be cut off in every tile.

    Args:
        boxes (np.ndarray | Tensor): (n, 4) corners in pixels of the image.
        tile (Tile): Any of the tiles, which are of one size.
        height, width (int): Of the image, in pixels.

    Returns:
        np.ndarray | Tensor: (n,) bool.
    """
    across, down = _margins(tile)
    sides = boxes[:, 2:] - boxes[:, :2]
    # Less a pixel, for tiles begin at whole ones.
    larger = boxes[:, 0] != boxes[:, 0]
    if tile.width < width:
        larger |= sides[:, 0] > tile.width * OVERLAP - 2 * across - 1
    if tile.height < height:
        larger |= sides[:, 1] > tile.height * OVERLAP - 2 * down - 1
    return larger


def _margins(tile: Tile) -> tuple[float, float]:
    """Pixels from the left and the top in which a box may be cut off."""
    return (
        tile.width * OVERLAP * _MARGIN,
        tile.height * OVERLAP * _MARGIN,
    )
