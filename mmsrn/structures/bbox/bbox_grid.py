"""Boxes by size and place, to find those that can overlap a lot."""

from __future__ import annotations

import numpy as np


class BBoxGrid:
    """Finds all pairs of boxes whose IoU may reach a threshold t.

    If the IoU of two boxes is at least t, the ratio of their longer sides is
    at least t, and in x and y their centres are at most (1 - t) times the
    longer of both sides apart.  So boxes are sorted into levels by their
    longer side, one level a factor of a bit more than 1 / t, on each level
    into rows as high as that distance, and in a row by x: partners are on the
    same or a neighbouring level, in the same row or one beside it.

    Args:
        boxes (np.ndarray): x1, y1, x2, y2 in pixels, float64, (N, 4), N at
            least 1, each with a positive width and height.
        sides (np.ndarray): The longer side of each, (N,).
        iou (float): The threshold t, in (0, 1].
    """

    def __init__(
        self, boxes: np.ndarray, sides: np.ndarray, iou: float
    ) -> None:
        # A bit more than the bounds, for logarithms and keys are rounded.
        step = max(1.001 / iou, 1.5)
        reach = max(1.001 - iou, 0.1)
        x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2).T
        self.x = x - x.min()
        y = y - y.min()
        extent = max(self.x.max(), y.max())
        # Far smaller rows would need keys of more digits than there are.
        sides = np.maximum(sides, max(extent * 2.0**-14, 1e-30))
        levels = np.floor(np.log(sides) / np.log(step)).astype(np.int64)
        lowest = levels.min()
        levels -= lowest
        # Of each level and the two above.
        reaches = reach * step ** (
            np.arange(1.0, levels.max() + 4) + float(lowest)
        )
        self.reaches = reach * sides, reaches[levels], reaches[levels + 1]
        self.length = 2 * extent + 4 * reaches[-1]
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
        x = self.x[picked]
        begins, ends = [], []
        # One level below, which is there as a guest; the same; one above.
        for table, rows, reach in zip(
            (self.tables[1], self.tables[0], self.tables[0]),
            (self.rows[0], self.rows[0], self.rows[1]),
            self.reaches,
        ):
            middle, reach = rows[picked] + x, reach[picked]
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
