"""Overlapping parts of an image, and the detections of all of them."""

import math
from typing import NamedTuple

import torch
from mmcv.ops import batched_nms
from mmengine.structures import InstanceData
from torch import Tensor

#: Part of a tile's side that it shares with its neighbour.
OVERLAP = 0.25
#: Part of the overlap, at either end of it, in which a box that ends there
#: may be cut off.
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
    reduced: InstanceData,
    height: int,
    width: int,
) -> InstanceData:
    """Put the detections of all tiles together.

    A box that ends where its tile does, inside the image, is cut off and
    dropped; the neighbour sees the object whole, unless that is larger than
    the overlap: then ``reduced`` must have it.  What is seen twice is kept
    once.

    Args:
        tiles (list[Tile]): See :func:`make_tiles`.
        found (list[InstanceData]): Detections of each: ``bboxes`` (n, 4) in
            pixels of the tile, ``scores`` and ``labels``.
        reduced (InstanceData): Detections in the reduced image, of which
            those too large for the overlap count, in pixels of the image.
        height, width (int): Of the image, in pixels.

    Returns:
        InstanceData: Detections by falling score, in pixels of the image.
    """
    kept = [reduced[_exceeds_overlap(reduced.bboxes, tiles[0], height, width)]]
    for tile, instances in zip(tiles, found):
        x1, y1, x2, y2 = instances.bboxes.unbind(dim=1)
        across, down = _margins(tile)
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


def _margins(tile: Tile) -> tuple[float, float]:
    """Pixels from the left and the top in which a box may be cut off."""
    return (
        tile.width * OVERLAP * _MARGIN,
        tile.height * OVERLAP * _MARGIN,
    )


def _exceeds_overlap(
    boxes: Tensor, tile: Tile, height: int, width: int
) -> Tensor:
    """Whether there may be no tile that has a box whole."""
    across, down = _margins(tile)
    sides = boxes[:, 2:] - boxes[:, :2]
    # Less a pixel, for tiles begin at whole ones.
    larger = torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    if tile.width < width:
        larger |= sides[:, 0] > tile.width * OVERLAP - 2 * across - 1
    if tile.height < height:
        larger |= sides[:, 1] > tile.height * OVERLAP - 2 * down - 1
    return larger
