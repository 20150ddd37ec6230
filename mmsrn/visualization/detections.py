"""Detections against the ground truth."""

from __future__ import annotations

import cv2
import numpy as np

from .selection import box_ious

# BGR
HIT, FALSE, MISS, IGNORED = (
    (70, 220, 60),
    (50, 50, 255),
    (0, 170, 255),
    (170, 170, 170),
)


def match_detections(
    boxes: np.ndarray,
    faces: np.ndarray,
    ignored: np.ndarray,
    iou_thr: float = 0.5,
) -> tuple[np.ndarray, np.ndarray]:
    """Match detections to faces, the best score first.

    Args:
        boxes: Detections x1, y1, x2, y2 by falling score, (n, 4).
        faces: Faces that count, (k, 4).
        ignored: Faces that do not count, (m, 4).
        iou_thr: IoU that makes a match.

    Returns:
        For each detection 1 (on a face of its own), 0 (on an ignored face)
        or -1 (false or double), (n,); for each face whether it was found,
        (k,) bool.
    """
    verdict = np.full(len(boxes), -1)
    found = np.zeros(len(faces), bool)
    on_faces, on_ignored = box_ious(boxes, faces), box_ious(boxes, ignored)
    for i in range(len(boxes)):
        j = int(on_faces[i].argmax()) if len(faces) else -1
        if j >= 0 and on_faces[i, j] >= iou_thr:
            if not found[j]:
                verdict[i], found[j] = 1, True
        elif len(ignored) and on_ignored[i].max() >= iou_thr:
            verdict[i] = 0
    return verdict, found


def draw_detections(
    image: np.ndarray,
    boxes: np.ndarray,
    scores: np.ndarray,
    faces: np.ndarray,
    ignored: np.ndarray | None = None,
    score_thr: float = 0.3,
    iou_thr: float = 0.5,
    zoom: int = 2,
) -> np.ndarray:
    """Draw detections against the ground truth.

    Green: detection on a face; red: false detection; orange, broken corners:
    face not found; grey: detection on an ignored face.

    Args:
        image: BGR image, (h, w, 3) uint8.
        boxes: Detections x1, y1, x2, y2 in pixels, (n, 4).
        scores: Their scores, (n,).
        faces: Faces that count, (k, 4).
        ignored: Faces that do not count, (m, 4).
        score_thr: Draw detections from this score on.
        iou_thr: IoU that makes a match.
        zoom: Enlarge the image, so that small faces can be seen.

    Returns:
        The picture, BGR uint8.
    """
    if ignored is None:
        ignored = np.zeros((0, 4))
    keep = np.flatnonzero(scores >= score_thr)
    keep = keep[np.argsort(-scores[keep], kind='stable')]
    boxes, scores = boxes[keep], scores[keep]
    verdict, found = match_detections(boxes, faces, ignored, iou_thr)
    picture = cv2.resize(
        image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC
    )
    for face in faces[~found]:
        _corners(picture, face * zoom, MISS)
    colors = {1: HIT, 0: IGNORED, -1: FALSE}
    # The best last: a double must not hide the detection it doubles.
    for box, score, kind in zip(boxes[::-1], scores[::-1], verdict[::-1]):
        color = colors[int(kind)]
        x1, y1, x2, y2 = (int(round(v)) for v in box * zoom)
        cv2.rectangle(picture, (x1, y1), (x2, y2), color, 2)
        # Text on small boxes would hide the neighbours.
        if kind == -1 or x2 - x1 > 60:
            _text(picture, f'{score:.2f}', (x1, y1 - 4), color)
    return picture


class ComparedDetections:
    """Detections of a photo, compared with its faces.

    Args:
        boxes: Detections x1, y1, x2, y2 in pixels, (n, 4).
        scores: Their scores, (n,).
        faces: Faces that count, (k, 4).
        ignored: Faces that do not count, (m, 4).
        score_thr: Detections from this score on count.

    Attributes:
        hits: Number of faces that were found.
        misses: Number of those that were not.
        false: Number of detections that found none.
    """

    def __init__(
        self,
        boxes: np.ndarray,
        scores: np.ndarray,
        faces: np.ndarray,
        ignored: np.ndarray,
        score_thr: float,
    ) -> None:
        order = np.argsort(-scores, kind='stable')
        order = order[scores[order] >= score_thr]
        self.boxes, self.scores = boxes[order], scores[order]
        self.faces, self.ignored = faces, ignored
        verdict, found = match_detections(self.boxes, faces, ignored)
        self.hits = int(found.sum())
        self.misses = int((~found).sum())
        self.false = int((verdict < 0).sum())

    def __str__(self) -> str:
        faces = self.hits + self.misses
        return f'{self.hits} of {faces} found, {self.false} false'

    def draw(self, image: np.ndarray) -> np.ndarray:
        """Draw them into the photo, enlarged to some 1000 pixels.

        Args:
            image: The photo, BGR (h, w, 3) uint8.

        Returns:
            The picture, see :func:`draw_detections`.
        """
        return draw_detections(
            image,
            self.boxes,
            self.scores,
            self.faces,
            self.ignored,
            score_thr=-np.inf,
            zoom=max(1, round(1000 / max(image.shape[:2]))),
        )


def _corners(picture: np.ndarray, box: np.ndarray, color: tuple) -> None:
    x1, y1, x2, y2 = (int(round(v)) for v in box)
    dx, dy = max((x2 - x1) // 4, 2), max((y2 - y1) // 4, 2)
    for x, sx in ((x1, 1), (x2, -1)):
        for y, sy in ((y1, 1), (y2, -1)):
            cv2.line(picture, (x, y), (x + sx * dx, y), color, 2)
            cv2.line(picture, (x, y), (x, y + sy * dy), color, 2)


def _text(
    picture: np.ndarray, text: str, at: tuple[int, int], color: tuple
) -> None:
    at = (max(at[0], 0), max(at[1], 12))
    for line_color, width in (((0, 0, 0), 3), (color, 1)):
        cv2.putText(
            picture,
            text,
            at,
            cv2.FONT_HERSHEY_SIMPLEX,
            0.42,
            line_color,
            width,
            cv2.LINE_AA,
        )
