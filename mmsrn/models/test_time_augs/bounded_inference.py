"""Detection in bounded memory."""

import gc
import logging
import math

import cv2
import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.logging import print_log
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmsrn.structures.tiles import Tile, make_tiles

from .tiles import merge_tiles

#: Tiles of fewer pixels would see too little: then a view is given up.
MIN_PIXELS = 128 * 128
#: Images after which more is tried again.
PATIENCE = 100
_SIGNS = (
    'out of memory',
    "can't allocate memory",
    'not enough memory',
    'cannot allocate memory',
    'alloc_failed',
    'unable to allocate',
)
#: Of oneDNN on a CPU, where memory ran out, or an operation is not known.
_VAGUE_SIGNS = ('could not create a primitive', 'could not create a memory')


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception says that memory is too small.

    Args:
        error (BaseException): Of torch on a GPU or a CPU, a library below it,
            or Python.

    Returns:
        bool: Whether it does.
    """
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(x in text for x in _SIGNS)


class BoundedInference:
    """Runs a detector on one image after the other, large ones in tiles.

    ``max_pixels`` bounds the pixels of one pass. Once memory has run out, an
    estimate of what fits bounds them too: half of what failed, or what
    succeeded if that is more. Larger images are covered by overlapping tiles.
    Objects larger than the overlap, which every tile may cut off, are detected
    in the image at half its size, in tiles again if needed. If even small
    tiles do not fit, the image is given up. From time to time, twice as many
    pixels are tried, in case memory has become free. On a CPU, Linux ends a
    process that runs out of memory: set ``max_pixels`` there.

    Args:
        max_pixels (int, optional): Bound to begin with.
        offset (int): See ``resize_back``.
    """

    def __init__(self, max_pixels: int | None = None, offset: int = 0) -> None:
        self.offset = offset
        self.max_pixels = math.inf if max_pixels is None else max_pixels
        self.bound = self.max_pixels
        self._fitted = 0  # the most pixels that went through
        self._images = 0  # since the bound was changed

    def __call__(
        self, module: nn.Module, image: Tensor, sample: DetDataSample
    ) -> tuple[InstanceData | None, str]:
        """Detect objects in an image.

        Args:
            module (nn.Module): The detector.
            image (Tensor): (3, H, W), as its ``data_preprocessor`` takes it.
            sample (DetDataSample): Its sample, with ``img_shape``.

        Returns:
            tuple[InstanceData | None, str]: Detections, None if the image was
            given up; and what was done other than usual, ``'in 4 tiles'`` or
            ``'left out'``, else ``''``.
        """
        height, width = image.shape[-2:]
        while True:
            tiles = make_tiles(height, width, self.bound)
            pixels = tiles[0].width * tiles[0].height
            try:
                found = self._detect(module, image, sample)
            except (MemoryError, RuntimeError) as error:
                if not (is_out_of_memory(error) or self._may_be_so(error)):
                    raise
            else:
                self._fitted = max(self._fitted, pixels)
                self._images += 1
                if self._images >= PATIENCE:
                    self._set(min(2 * self.bound, self.max_pixels))
                note = f'in {len(tiles)} tiles' if len(tiles) > 1 else ''
                return found, note
            # Not within `except`: the exception holds the network's maps.
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if not self._lower(pixels, sample):
                return None, 'left out'

    def _set(self, bound: float) -> None:
        self.bound = bound
        self._images = 0

    def _may_be_so(self, error: BaseException) -> bool:
        """Tell whether it may be memory, as smaller images went through."""
        text = str(error)
        return self._fitted > 0 and any(x in text for x in _VAGUE_SIGNS)

    def _lower(self, pixels: int, sample: DetDataSample) -> bool:
        """Lower the bound below what did not fit, unless that is too low."""
        bound = pixels // 2
        if bound < self._fitted <= pixels * 3 // 4:
            bound = self._fitted
        if bound < MIN_PIXELS:  # the next image begins with what once fitted
            self._set(max(self._fitted, MIN_PIXELS))
            return False
        self._set(bound)
        print_log(
            f'Out of memory on {pixels} pixels of '
            f'{sample.get("img_path", "an image")}, '
            f'{sample.get("scale_pass", "as it is")}: from now on in tiles of '
            f'at most {bound}',
            'current',
            logging.WARNING,
        )
        return True

    def _detect(
        self, module: nn.Module, image: Tensor, sample: DetDataSample
    ) -> InstanceData:
        height, width = image.shape[-2:]
        tiles = make_tiles(height, width, self.bound)
        found = [_detect_tile(module, image, sample, x) for x in tiles]
        if len(tiles) == 1:
            return found[0]
        reduced = self._detect(module, _halve(image), sample)
        reduced.bboxes = resize_back(reduced.bboxes, 0.5, self.offset)
        return merge_tiles(tiles, found, reduced, height, width)


def resize_back(boxes: Tensor, scale: float, offset: int) -> Tensor:
    """Map boxes of a resized image back to the image.

    Args:
        boxes (Tensor): (n, 4) corners in pixels of the resized image.
        scale (float): Factor it was resized by.
        offset (int): What corners mean: 1, the first and the last pixel, whose
            centres the resize keeps; 0, the edges.

    Returns:
        Tensor: (n, 4), in pixels of the image.
    """
    return (boxes - offset * (scale - 1) / 2) / scale


def _halve(image: Tensor) -> Tensor:
    """Resize (3, H, W) by 0.5, as the views of the multi-scale test."""
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())
    # Of a single row there is no half.
    y, x = (0.5 if side > 1 else 1 for side in pixels.shape[:2])
    pixels = cv2.resize(pixels, None, fx=x, fy=y)
    return torch.from_numpy(pixels).permute(2, 0, 1).to(image.device)


def _detect_tile(
    module: nn.Module, image: Tensor, sample: DetDataSample, tile: Tile
) -> InstanceData:
    left, top, width, height = tile
    part = image[..., top : top + height, left : left + width]
    found = DetDataSample(
        metainfo=dict(sample.metainfo, img_shape=(height, width))
    )
    (found,) = module.test_step(dict(inputs=[part], data_samples=[found]))
    return found.pred_instances
