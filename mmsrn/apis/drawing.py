"""Draw faces on a photo."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

#: BGR.
_SURE, _UNSURE = np.array((90, 220, 40)), np.array((0, 170, 255))
#: A label on a smaller face would hide its neighbours.
_LABEL_FROM = 40


def draw_faces(
    photo: np.ndarray,
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: Sequence[str] | None = None,
    width: int | None = None,
) -> np.ndarray:
    """Draw boxes on a copy of a photo.

    Colours go from orange to green as scores go from 0 to 1.  Faces of at
    least 40 pixels have a label.

    Args:
        photo (np.ndarray): BGR, uint8, (h, w, 3).
        boxes (np.ndarray): Corners in pixels, (n, 4).
        scores (np.ndarray): In [0, 1], (n,).
        labels (Sequence[str], optional): Short ASCII labels, (n,). By default
            the scores.
        width (int, optional): Line width in pixels, which also scales the
            labels. By default it grows with the photo.

    Returns:
        np.ndarray: The picture, BGR uint8, (h, w, 3).
    """
    picture = np.ascontiguousarray(photo).copy()
    if width is None:
        width = max(round(max(picture.shape[:2]) / 500), 1)
    # The best last, on top of the others.
    for i in np.argsort(scores, kind='stable'):
        x1, y1, x2, y2 = (int(v) for v in np.round(boxes[i]))
        part = float(np.clip(scores[i], 0, 1))
        color = tuple(float(v) for v in _UNSURE + part * (_SURE - _UNSURE))
        cv2.rectangle(picture, (x1, y1), (x2, y2), color, width)
        if x2 - x1 >= _LABEL_FROM:
            text = f'{scores[i]:.2f}' if labels is None else labels[i]
            _label(picture, text, (x1, y1), color, width)
    return picture


def _label(
    picture: np.ndarray,
    text: str,
    corner: tuple[int, int],
    color: tuple,
    width: int,
) -> None:
    """Write on a plate above a corner, or below it at the photo's edge."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.35 + 0.1 * width
    bold = 1 + (width > 2)
    (across, up), down = cv2.getTextSize(text, font, scale, bold)
    x, y = max(corner[0], 0), max(corner[1], 0)
    if y < up + down:
        y += up + down
    cv2.rectangle(picture, (x, y - up - down), (x + across, y), color, -1)
    at = (x, y - down // 2 - 1)
    cv2.putText(picture, text, at, font, scale, (0,) * 3, bold, cv2.LINE_AA)
