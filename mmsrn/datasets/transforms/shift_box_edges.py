"""Convert boxes from one drawing convention to another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import autocast_box_type


@TRANSFORMS.register_module()
class ShiftBoxEdges(BaseTransform):
    """Move the edges of all boxes by shares of their size.

    Datasets disagree about where a face ends: WIDER FACE's boxes begin at the
    hairline, others at the brow.  Convert them to one convention before you
    train on several sets.

    Required key: ``gt_bboxes``, which is modified.  Boxes are not clipped.

    Args:
        shares (Sequence[float]): Shifts of the left, top, right and bottom
            edge in shares of the box's width (left, right) or height (top,
            bottom); positive is right and down.

    Raises:
        ValueError: If ``shares`` are not four numbers, or a box vanishes.

    Example:
        >>> dict(type='ShiftBoxEdges', shares=(0, -0.2, 0, -0.08))
    """

    def __init__(self, shares: Sequence[float]) -> None:
        values = np.asarray(shares, float)
        if values.shape != (4,) or not np.isfinite(values).all():
            raise ValueError(
                'ShiftBoxEdges: shares must be four numbers, for the left, '
                f'top, right and bottom edge, got {shares!r}'
            )
        if (1 + values[2:] - values[:2] <= 0).any():
            raise ValueError(
                f'ShiftBoxEdges: shares={shares!r} leave nothing of a box'
            )
        self.shares = tuple(values.tolist())

    @autocast_box_type()
    def transform(self, results: dict) -> dict:
        """Move the edges.

        Args:
            results (dict): Result of the transforms before.

        Returns:
            dict: The same with other boxes.
        """
        boxes = results['gt_bboxes'].clone()
        corners = boxes.tensor
        sides = (corners[:, 2:] - corners[:, :2]).repeat(1, 2)
        boxes.tensor = corners + sides * corners.new_tensor(self.shares)
        results['gt_bboxes'] = boxes
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(shares={self.shares})'
