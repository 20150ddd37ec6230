"""Pictures of the photos on which a detector errs most."""

from __future__ import annotations

from pathlib import Path

import cv2

from mmsrn.apis.photos import read_photo
from mmsrn.utils.output_file import output_file
from mmsrn.visualization import ComparedDetections

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
    thr = run.contestant.score_thr
    found = [
        (ComparedDetections(boxes, scores, x.faces, x.ignored, thr), x.path)
        for x, boxes, scores in zip(run.photos, run.boxes, run.scores)
    ]
    found.sort(key=lambda x: -x[0].misses - x[0].false)
    for rank, (compared, path) in enumerate(found[:MOST]):
        picture = compared.draw(change(read_photo(path, str(path)), path.name))
        with output_file(folder / f'{rank}_{path.name}') as file:
            cv2.imwrite(str(file), picture)
