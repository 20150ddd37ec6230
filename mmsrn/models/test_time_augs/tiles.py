"""The detections of all tiles of an image, put together."""

from mmcv.ops import batched_nms
from mmengine.structures import InstanceData

from mmsrn.structures.tiles import SAME_IOU, Tile, exceeds_overlap, is_whole


def merge_tiles(
    tiles: list[Tile],
    found: list[InstanceData],
    reduced: InstanceData,
    height: int,
    width: int,
) -> InstanceData:
    """Put the detections of all tiles together.

    A box that ends where its tile does, inside the image, is cut off and
    dropped; the neighbouring tile shows the whole object, unless it is larger
    than the overlap: such objects come from ``reduced``. Duplicates are
    dropped.

    Args:
        tiles (list[Tile]): See :func:`~mmsrn.structures.tiles.make_tiles`.
        found (list[InstanceData]): Detections of each: ``bboxes`` (n, 4) in
            pixels of the tile, ``scores`` and ``labels``.
        reduced (InstanceData): Detections in the reduced image, of which
            those too large for the overlap count, in pixels of the image.
        height, width (int): Of the image, in pixels.

    Returns:
        InstanceData: Detections by falling score, in pixels of the image.
    """
    kept = [reduced[exceeds_overlap(reduced.bboxes, tiles[0], height, width)]]
    for tile, instances in zip(tiles, found):
        instances = instances[is_whole(instances.bboxes, tile, height, width)]
        shift = instances.bboxes.new_tensor([tile.left, tile.top] * 2)
        instances.bboxes = instances.bboxes + shift
        kept.append(instances)
    merged = InstanceData.cat(kept)
    if len(merged):
        _, order = batched_nms(
            merged.bboxes,
            merged.scores,
            merged.labels,
            dict(type='nms', iou_threshold=SAME_IOU),
        )
        merged = merged[order]
    return merged
