"""Boxes by size and place, to find those that can overlap a lot."""

from __future__ import annotations

import numpy as np


class BBoxGrid:
    """Finds all pairs of boxes whose IoU may reach a threshold t.

    If the IoU of two boxes is at least t, so are the ratios of their widths
    and heights, and the parts that they share of the larger width and height.
    Then their centres are at most (1 - t) times the larger height apart in y,
    and in x at most r times the width of either, with r the larger of 1 - t
    and (1 - t) / 2t.  So boxes are sorted into levels by their height, one
    level a factor of a bit more than 1 / t, on each level into rows as high as
    that distance, and in a row by x: partners are on the same level or one
    beside it, in the same row or one beside it.

    Args:
        boxes (np.ndarray): x1, y1, x2, y2 in pixels, float64, (N, 4), N at
            least 1.
        widths, heights (np.ndarray): Of each box, positive, (N,).
        iou (float): The threshold t, in (0, 1].
    """

    def __init__(
        self,
        boxes: np.ndarray,
        widths: np.ndarray,
        heights: np.ndarray,
        iou: float,
    ) -> None:
        # A bit more than the bounds, for logarithms and keys are rounded.
        step = max(1.001 / iou, 1.5)
        reach = max(1.001 - iou, 0.1)
        x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2).T
        self.x = x - x.min()
        y = y - y.min()
        extent = max(self.x.max(), y.max(), 1e-30)
        # Far smaller ones would need keys of more digits than there are.
        widths, heights = (
            np.maximum(side, extent * 2.0**-14) for side in (widths, heights)
        )
        self.reach = np.minimum(
            widths * max(reach, reach / 2 / iou), 1.001 * extent
        )
        levels = np.floor(np.log(heights) / np.log(step)).astype(np.int64)
        lowest = levels.min()
        levels -= lowest
        # Of each level and the one above.
        reaches = reach * step ** (
            np.arange(1.0, levels.max() + 3) + float(lowest)
        )
        self.length = 4 * extent
        num_rows = int(extent / reaches[0]) + 4
        # On the row of its own level and of the level above.
        self.rows = tuple(
            (
                (level * num_rows + 1 + np.floor(y / reaches[level]))
                * self.length
            )
            for level in (levels, levels + 1)
        )
        self.orders, self.tables = [], []
        for rows in self.rows:
            keys = rows + self.x
            self.orders.append(np.argsort(keys))
            self.tables.append(keys[self.orders[-1]])

    def find(self, picked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the possible partners of some boxes are.

        Args:
            picked (np.ndarray): Indices of n boxes.

        Returns:
            tuple[np.ndarray, np.ndarray]: First place and number of places of
            nine runs for each box, int64, both (9, n).
        """
        # Sorted keys are found faster: what they look at is in the cache.
        order = np.argsort(self.rows[0][picked] + self.x[picked])
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        picked = picked[order]
        x, reach = self.x[picked], self.reach[picked]
        begins, ends = [], []
        # One level below, which is there as a guest; the same; one above.
        for table, rows in zip(
            (self.tables[1], self.tables[0], self.tables[0]),
            (self.rows[0], self.rows[0], self.rows[1]),
        ):
            middle = rows[picked] + x
            for row in (-self.length, 0.0, self.length):
                left, right = middle + (row - reach), middle + (row + reach)
                begins.append(np.searchsorted(table, left))
                ends.append(np.searchsorted(table, right, 'right'))
        begins = np.stack(begins)[:, back]
        return begins, np.stack(ends)[:, back] - begins

    def expand(
        self, begins: np.ndarray, counts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """List the possible partners of some boxes.

        Args:
            begins, counts (np.ndarray): See :meth:`find`, (9, n).

        Returns:
            tuple[np.ndarray, np.ndarray]: Which of the n boxes, and its
            partner's index; a box is its own partner too.
        """
        num = begins.shape[1]
        which = np.repeat(np.tile(np.arange(num), 9), counts.ravel())
        partners = []
        for i, order in enumerate((self.orders[1], *self.orders[:1] * 2)):
            count = counts[3 * i : 3 * i + 3].ravel()
            ends = count.cumsum()
            shift = begins[3 * i : 3 * i + 3].ravel() - ends + count
            places = np.repeat(shift, count)
            places += np.arange(len(places))
            partners.append(order.take(places))
        return which, np.concatenate(partners)
