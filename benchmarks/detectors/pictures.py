"""Pictures of the photos on which a detector errs most."""

from __future__ import annotations

from pathlib import Path

import cv2

from mmsrn.apis.photos import read_photo
from mmsrn.utils.output_file import output_file
from mmsrn.visualization import draw_detections, match_detections

from .runs import Change, Run

__all__ = ['MOST', 'draw_worst']

MOST = 6


def draw_worst(run: Run, change: Change, folder: Path) -> None:
    """Draw the photos with most false alarms and missed faces.

    Args:
        run (Run): What a detector found.
        change (Callable): What was done to the photos before.
        folder (Path): Where to put the pictures.
    """

    def mistakes(index: int) -> int:
        photo = run.photos[index]
        boxes = run.boxes[index][run.scores[index] >= score_thr]
        verdict, found = match_detections(boxes, photo.faces, photo.ignored)
        return int((verdict < 0).sum() + (~found).sum())

    score_thr = run.contestant.score_thr
    order = sorted(range(len(run.photos)), key=mistakes, reverse=True)
    for rank, index in enumerate(order[:MOST]):
        photo = run.photos[index]
        picture = draw_detections(
            change(read_photo(photo.path, str(photo.path)), photo.path.name),
            run.boxes[index],
            run.scores[index],
            photo.faces,
            photo.ignored,
            score_thr=score_thr,
        )
        with output_file(folder / f'{rank}_{photo.path.name}') as file:
            cv2.imwrite(str(file), picture)
