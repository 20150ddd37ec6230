"""Data-anchor-sampling: scale an image so that a face gets a drawn size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import autocast_box_type

from .square_patch import SquarePatch, check_annotations, check_keep_rule


@TRANSFORMS.register_module()
class DataAnchorSampling(BaseTransform):
    """Resize an image by a random face, and cut a square around the face.

    1. A face is picked at random.  Its size is the root of its area.
    2. A scale is picked at random: from the smallest of ``scales`` to the one
       after the nearest to this size.  Then a size from half to twice that
       scale is drawn.
    3. The image is resized so that the face gets this size.
    4. A square of ``crop_size`` is cut that contains the face, or lies in it
       if the face is larger.  The square is padded beyond the image.

    Large faces often become small and small ones seldom large, so training
    sees more small faces.  A face larger than twice ``crop_size`` may be left
    out.  An image without a face that counts keeps its size and is cut
    anywhere.

    Source: PyramidBox (arXiv 1803.07737); according to secondary sources also
    in ISRN (arXiv 1901.06651).  Steps 1 to 3, ``scales`` and ``crop_size``
    follow public descriptions and code of PyramidBox.  The details of step 4,
    the padding and ``keep_rule`` are this project's choice.

    Required keys: ``img``, and optionally ``gt_bboxes``,
    ``gt_bboxes_labels``, ``gt_ignore_flags``.  Modified: these,
    ``img_shape``, ``scale_factor`` and ``homography_matrix``.

    Args:
        scales (Sequence[float]): Sizes of anchors in pixels, rising.
        crop_size (int): Side of the square in pixels.
        keep_rule (str): ``'center'``: keep boxes whose centre lies in the
            square; ``'overlap'``: keep boxes that overlap it.
        clip_boxes (bool): Clip the kept boxes to the square.
        pad_val (float | Sequence[float]): Padding value, 0 to 255, for all
            channels or one for each.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        scales: Sequence[float] = (16, 32, 64, 128, 256, 512),
        crop_size: int = 640,
        keep_rule: str = 'center',
        clip_boxes: bool = True,
        pad_val: float | Sequence[float] = 0,
    ) -> None:
        if not _are_numbers(scales) or not all(
            low < high < math.inf for low, high in zip((0, *scales), scales)
        ):
            raise ValueError(
                'DataAnchorSampling: scales must be a list of numbers, '
                f'positive and rising, got {scales!r}'
            )
        if type(crop_size) is not int or crop_size < 1:
            raise ValueError(
                'DataAnchorSampling: crop_size must be a whole number of '
                f'pixels, 1 or more, got {crop_size!r}'
            )
        check_keep_rule(keep_rule, 'DataAnchorSampling')
        values = [pad_val] * 3 if isinstance(pad_val, Real) else pad_val
        if (
            not _are_numbers(values)
            or len(values) != 3
            or not all(0 <= x <= 255 for x in values)
        ):
            raise ValueError(
                'DataAnchorSampling: pad_val must be a number from 0 to 255, '
                f'or three, got {pad_val!r}'
            )
        self.scales = tuple(scales)
        self.crop_size = crop_size
        self.keep_rule = keep_rule
        self.clip_boxes = clip_boxes
        self.pad_val = pad_val

    @cache_randomness
    def _draw(
        self, faces: np.ndarray, width: int, height: int
    ) -> tuple[tuple[int, int], int, int]:
        """Draw what becomes of an image.

        Args:
            faces (np.ndarray): Boxes to pick from, inside the image, (N, 4).
            width, height (int): Of the image in pixels.

        Returns:
            tuple: Width and height of the resized image, and left and top of
            the square in it.
        """
        face, ratio = np.array([0, 0, width, height]), 1.0
        if len(faces):
            face = faces[np.random.randint(len(faces))]
            side = math.sqrt((face[2] - face[0]) * (face[3] - face[1]))
            ratio = self._target(side) / side
        size = tuple(max(round(x * ratio), 1) for x in (width, height))
        start = face[:2] * size / (width, height)
        stop = face[2:] * size / (width, height)
        left, top = (self._offset(*x) for x in zip(start, stop, size))
        return size, left, top

    def _target(self, side: float) -> float:
        """Draw the size that a face of a size shall get."""
        nearest = np.abs(np.subtract(self.scales, side)).argmin()
        highest = min(nearest + 1, len(self.scales) - 1)
        scale = self.scales[np.random.randint(highest + 1)]
        return np.random.uniform(scale / 2, 2 * scale)

    def _offset(self, start: float, stop: float, length: int) -> int:
        """Draw where the square starts along one side of the image."""
        if length <= self.crop_size:
            start, stop = 0, length
        first, last = math.floor(start), math.ceil(stop - self.crop_size)
        return np.random.randint(min(first, last), max(first, last) + 1)

    def _cut(
        self, image: np.ndarray, size: tuple[int, int], left: int, top: int
    ) -> np.ndarray:
        """Cut the square out of the resized image."""
        side = self.crop_size
        shape = (side, side, *image.shape[2:])
        square = np.empty(shape, image.dtype)
        square[...] = self.pad_val
        x1, y1 = max(left, 0), max(top, 0)
        x2, y2 = min(left + side, size[0]), min(top + side, size[1])
        square[y1 - top : y2 - top, x1 - left : x2 - left] = part_of_resized(
            image, size, (x1, y1, x2, y2)
        )
        return square

    @autocast_box_type()
    def transform(self, results: dict) -> dict:
        """Resize and cut image and boxes.

        Args:
            results (dict): Result of the transforms before.

        Returns:
            dict: The same with an image of ``crop_size`` x ``crop_size``.

        Raises:
            ValueError: If there are masks or other annotations than boxes.
        """
        check_annotations(results)
        image, boxes = results['img'], results.get('gt_bboxes')
        height, width = image.shape[:2]
        faces = np.zeros((0, 4))
        if boxes is not None:
            faces = boxes.tensor.numpy().astype(float)
            faces = faces.clip(0, (width, height) * 2)
            counts = (faces[:, 2:] > faces[:, :2]).all(axis=1)
            if 'gt_ignore_flags' in results:
                counts &= ~results['gt_ignore_flags']
            faces = faces[counts]
        size, left, top = self._draw(faces, width, height)
        factors = size[0] / width, size[1] / height
        results['img'] = self._cut(image, size, left, top)
        results['img_shape'] = results['img'].shape[:2]
        results['scale_factor'] = factors
        patch = SquarePatch(left, top, self.crop_size)
        patch.record(results, factors)
        if boxes is not None:
            results['gt_bboxes'] = boxes = boxes.clone()
            boxes.rescale_(factors)
            keep = patch.holds(boxes.tensor, self.keep_rule)
            patch.cut_instances(results, keep, self.clip_boxes)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(scales={self.scales}, '
            f'crop_size={self.crop_size}, keep_rule={self.keep_rule!r}, '
            f'clip_boxes={self.clip_boxes}, pad_val={self.pad_val})'
        )


def _are_numbers(values: Any) -> bool:
    """Tell whether something is a sequence of numbers, and has some."""
    return (
        isinstance(values, Sequence)
        and len(values) > 0
        and all(
            isinstance(x, Real) and not isinstance(x, bool) for x in values
        )
    )


def part_of_resized(
    image: np.ndarray,
    size: tuple[int, int],
    part: tuple[int, int, int, int],
) -> np.ndarray:
    """Cut a part out of a resized image, without making a large one.

    The pixels are those of OpenCV's ``resize``, up to rounding: with areas
    for what shrinks, so that nothing small comes out of noise, bilinear for
    what grows, of which only the part is computed.

    Args:
        image (np.ndarray): (h, w) or (h, w, channels), uint8 or float32.
        size (tuple[int, int]): Width and height of the resized image, in
            pixels.
        part (tuple[int, int, int, int]): x1, y1, x2, y2 in the resized image
            and within it, in pixels.

    Returns:
        np.ndarray: (y2 - y1, x2 - x1[, channels]).
    """
    x1, y1, x2, y2 = part
    height, width = image.shape[:2]
    if size[0] * size[1] <= width * height:
        resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return resized[y1:y2, x1:x2]
    step_x, step_y = width / size[0], height / size[1]
    # Centres of pixels lie on centres of pixels, as in a resize.
    to_image = np.array(
        [
            [step_x, 0, (x1 + 0.5) * step_x - 0.5],
            [0, step_y, (y1 + 0.5) * step_y - 0.5],
        ]
    )
    return cv2.warpAffine(
        image,
        to_image,
        (x2 - x1, y2 - y1),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
