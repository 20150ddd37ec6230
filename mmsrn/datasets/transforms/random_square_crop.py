"""The square crops of SRN's training recipe."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import autocast_box_type

from .square_patch import SquarePatch, check_annotations, check_keep_rule


@TRANSFORMS.register_module()
class RandomSquareCrop(BaseTransform):
    """Crop a random square patch, sized relative to the image's short side.

    By default half of the patches are as large as the short side, the others
    0.5 to 1.0 times as large, and a face stays if its centre lies in the
    patch.  SRN (arXiv 1809.02693) does not say how it crops: these numbers are
    usual for related detectors.

    Required keys: ``img``, and optionally ``gt_bboxes``,
    ``gt_bboxes_labels``, ``gt_ignore_flags``.  Modified: these,
    ``img_shape`` and ``homography_matrix``.

    Args:
        side_ranges (tuple[tuple[float, float]]): Ranges of the side over the
            short side, in (0, 1]; one is picked at random, then a side in it.
        keep_rule (str): ``'center'``: keep boxes whose centre lies in the
            patch; ``'overlap'``: keep boxes that overlap it.
        clip_boxes (bool): Clip the kept boxes to the patch.
        num_tries (int): Tries to find a patch with a face that counts; the
            last one is taken in any case.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        side_ranges: tuple[tuple[float, float], ...] = (
            (1.0, 1.0),
            (0.5, 1.0),
        ),
        keep_rule: str = 'center',
        clip_boxes: bool = True,
        num_tries: int = 50,
    ) -> None:
        if not side_ranges or any(
            not 0 < low <= high <= 1 for low, high in side_ranges
        ):
            raise ValueError(
                'RandomSquareCrop: side_ranges must be ranges in (0, 1], got '
                f'{side_ranges}'
            )
        check_keep_rule(keep_rule, 'RandomSquareCrop')
        if num_tries < 1:
            raise ValueError(
                f'RandomSquareCrop: num_tries={num_tries} is less than 1'
            )
        self.side_ranges = side_ranges
        self.keep_rule = keep_rule
        self.clip_boxes = clip_boxes
        self.num_tries = num_tries

    @cache_randomness
    def _patch(self, height: int, width: int) -> tuple[int, int, int]:
        """Left, top and side of a random patch, in pixels."""
        low, high = self.side_ranges[np.random.randint(len(self.side_ranges))]
        side = round(min(height, width) * np.random.uniform(low, high))
        side = max(side, 1)
        left = np.random.randint(width - side + 1)
        top = np.random.randint(height - side + 1)
        return left, top, side

    @autocast_box_type()
    def transform(self, results: dict) -> dict:
        """Crop image and boxes.

        Args:
            results (dict): Result of the transforms before.

        Returns:
            dict: The same with the image cut to a square.

        Raises:
            ValueError: If there are masks or other annotations than boxes.
        """
        check_annotations(results)
        image, boxes = results['img'], results.get('gt_bboxes')
        for _ in range(self.num_tries):
            patch = SquarePatch(*self._patch(*image.shape[:2]))
            if boxes is None:
                break
            keep = patch.holds(boxes.tensor, self.keep_rule)
            counts = keep
            if 'gt_ignore_flags' in results:
                counts = keep & ~results['gt_ignore_flags']
            if counts.any():
                break
        left, top, side = patch
        image = image[top : top + side, left : left + side]
        results['img'] = np.ascontiguousarray(image)
        results['img_shape'] = image.shape[:2]
        patch.record(results)
        if boxes is not None:
            patch.cut_instances(results, keep, self.clip_boxes)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(side_ranges={self.side_ranges}, '
            f'keep_rule={self.keep_rule!r}, clip_boxes={self.clip_boxes}, '
            f'num_tries={self.num_tries})'
        )
