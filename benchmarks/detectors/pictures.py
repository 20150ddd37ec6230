"""What was found in a photo, and pictures of it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mmsrn.apis.photos import read_photo
from mmsrn.utils.output_file import output_file
from mmsrn.visualization import draw_detections, match_detections

from .labelled_sets import LabelledPhoto
from .runs import Change, Run

__all__ = ['MOST', 'Found', 'draw_worst']

MOST = 6
_LONG_SIDE = 1000  # pixels of a picture, about


class Found:
    """Detections in a photo, compared with its faces.

    Args:
        photo (LabelledPhoto): The photo.
        boxes (np.ndarray): Corners in pixels, (n, 4).
        scores (np.ndarray): (n,).
        score_thr (float): Detections of this score or more count.

    Attributes:
        hits, misses, false (int): Faces that were found, faces that were
            not, and detections that found none.
    """

    def __init__(
        self,
        photo: LabelledPhoto,
        boxes: np.ndarray,
        scores: np.ndarray,
        score_thr: float,
    ) -> None:
        order = np.argsort(-scores, kind='stable')
        order = order[scores[order] >= score_thr]
        self.photo = photo
        self.boxes, self.scores = boxes[order], scores[order]
        verdict, found = match_detections(
            self.boxes, photo.faces, photo.ignored
        )
        self.hits = int(found.sum())
        self.misses = int((~found).sum())
        self.false = int((verdict < 0).sum())

    def __str__(self) -> str:
        faces = self.hits + self.misses
        return f'{self.hits} of {faces} found, {self.false} false'

    def draw(self, image: np.ndarray) -> np.ndarray:
        """Draw them into the photo, see ``draw_detections``."""
        return draw_detections(
            image,
            self.boxes,
            self.scores,
            self.photo.faces,
            self.photo.ignored,
            score_thr=-np.inf,
            zoom=max(1, round(_LONG_SIDE / max(image.shape[:2]))),
        )


def draw_worst(run: Run, change: Change, folder: Path) -> None:
    """Draw the photos with most false alarms and missed faces.

    Args:
        run (Run): What a detector found.
        change (Callable): What was done to the photos before.
        folder (Path): Where to put the pictures.
    """
    thr = run.contestant.score_thr
    photos = zip(run.photos, run.boxes, run.scores)
    found = [Found(*x, thr) for x in photos]
    found.sort(key=lambda x: -x.misses - x.false)
    for rank, x in enumerate(found[:MOST]):
        path = x.photo.path
        picture = x.draw(change(read_photo(path, str(path)), path.name))
        with output_file(folder / f'{rank}_{path.name}') as file:
            cv2.imwrite(str(file), picture)
