"""What a square cut out of an image does to the boxes in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

_PER_INSTANCE = ('gt_bboxes_labels', 'gt_ignore_flags')
_OTHERS = ('gt_masks', 'gt_seg_map', 'gt_keypoints')


def check_keep_rule(keep_rule: str, owner: str) -> None:
    """Refuse a rule that there is not.

    Args:
        keep_rule (str): See :meth:`SquarePatch.holds`.
        owner (str): Name of the transform, for the message.

    Raises:
        ValueError: If it is neither of the two.
    """
    if keep_rule not in ('center', 'overlap'):
        raise ValueError(
            f"{owner}: keep_rule must be 'center' or 'overlap', got "
            f'{keep_rule!r}'
        )


def check_annotations(results: dict) -> None:
    """Refuse annotations that a square crop would leave as they are.

    Args:
        results (dict): Result of transforms.

    Raises:
        ValueError: If there are masks, segmentation maps or key points.
    """
    for key in _OTHERS:
        if key in results:
            raise ValueError(
                f'square crops move boxes, but not {key}: leave it out of '
                'LoadAnnotations'
            )


class SquarePatch(NamedTuple):
    """A square of an image, which may reach beyond its borders.

    Attributes:
        left (int): First column, in pixels.
        top (int): First row.
        side (int): Columns and rows.
    """

    left: int
    top: int
    side: int

    def holds(self, boxes: torch.Tensor, keep_rule: str) -> np.ndarray:
        """Tell which boxes belong to the patch.

        Args:
            boxes (Tensor): x1, y1, x2, y2 in pixels, (N, 4).
            keep_rule (str): ``'center'``: those with their centre in it;
                ``'overlap'``: those with any part in it.

        Returns:
            np.ndarray: bool, (N,).
        """
        x1, y1, x2, y2 = boxes.unbind(dim=1)
        if keep_rule == 'center':
            x1 = x2 = (x1 + x2) / 2
            y1 = y2 = (y1 + y2) / 2
        inside = (x2 > self.left) & (x1 < self.left + self.side)
        inside &= (y2 > self.top) & (y1 < self.top + self.side)
        return inside.numpy()

    def record(
        self, results: dict, factors: tuple[float, float] = (1.0, 1.0)
    ) -> None:
        """Record the cut, as mmdet's transforms do, in `homography_matrix`.

        Args:
            results (dict): Result of transforms.
            factors (tuple[float, float]): How much wider and higher the image
                became before.
        """
        cut = np.array(
            [
                [factors[0], 0, -self.left],
                [0, factors[1], -self.top],
                [0, 0, 1],
            ],
            np.float32,
        )
        before = results.get('homography_matrix')
        results['homography_matrix'] = cut if before is None else cut @ before

    def cut_instances(
        self, results: dict, keep: np.ndarray, clip: bool
    ) -> None:
        """Leave the instances of the patch, in its coordinates.

        Args:
            results (dict): Result of transforms.  ``gt_bboxes`` is replaced,
                and ``gt_bboxes_labels`` and ``gt_ignore_flags`` if present.
            keep (np.ndarray): Which instances to leave, bool, (N,).
            clip (bool): Clip the boxes to the patch.
        """
        boxes = results['gt_bboxes'][torch.from_numpy(keep)]
        boxes.translate_([-self.left, -self.top])
        if clip:
            boxes.clip_([self.side, self.side])
        results['gt_bboxes'] = boxes
        for key in _PER_INSTANCE:
            if key in results:
                results[key] = results[key][keep]
