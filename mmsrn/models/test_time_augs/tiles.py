"""Overlapping parts of an image, and the detections of all of them."""

import math
from typing import NamedTuple

import torch
from mmcv.ops import batched_nms
from mmengine.structures import InstanceData

#: Part of a tile's side that it shares with its neighbour.
OVERLAP = 0.25
#: Part of the overlap in which a box that ends there may be cut off.
_MARGIN = 1 / 16
#: Two tiles give almost the same box for an object.
_SAME_IOU = 0.5


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


def merge_tiles(
    tiles: list[Tile],
    found: list[InstanceData],
    height: int,
    width: int,
) -> InstanceData:
    """Put the detections of all tiles together.

    A box that ends where its tile does, inside the image, is cut off and
    dropped; the neighbour sees the object whole, unless that is larger than
    the overlap.  What two tiles see is kept once.

    Args:
        tiles (list[Tile]): See :func:`make_tiles`.
        found (list[InstanceData]): Detections of each: ``bboxes`` (n, 4) in
            pixels of the tile, ``scores`` and ``labels``.
        height, width (int): Of the image, in pixels.

    Returns:
        InstanceData: Detections by falling score, in pixels of the image.
    """
    kept = []
    for tile, instances in zip(tiles, found):
        x1, y1, x2, y2 = instances.bboxes.unbind(dim=1)
        across = tile.width * OVERLAP * _MARGIN
        down = tile.height * OVERLAP * _MARGIN
        whole = torch.ones_like(x1, dtype=torch.bool)
        if tile.left:
            whole &= x1 >= across
        if tile.top:
            whole &= y1 >= down
        if tile.left + tile.width < width:
            whole &= x2 < tile.width - across
        if tile.top + tile.height < height:
            whole &= y2 < tile.height - down
        instances = instances[whole]
        shift = instances.bboxes.new_tensor([tile.left, tile.top] * 2)
        instances.bboxes = instances.bboxes + shift
        kept.append(instances)
    merged = InstanceData.cat(kept)
    if len(merged):
        _, order = batched_nms(
            merged.bboxes,
            merged.scores,
            merged.labels,
            dict(type='nms', iou_threshold=_SAME_IOU),
        )
        merged = merged[order]
    return merged
