"""Runs of several detectors over the same photos, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from .contestants import Contestant
from .labelled_sets import LabelledPhoto, LabelledSet

#: Takes a photo and its name, and returns a photo.
Change = Callable[[np.ndarray, str], np.ndarray]


@dataclass
class Run:
    """What a detector found in a set, photo by photo.

    Attributes:
        contestant (Contestant): The detector.
        photos (list[LabelledPhoto]): The photos.
        boxes (list[np.ndarray]): Corners in pixels of the photo, (n, 4).
        scores (list[np.ndarray]): (n,), falling.
        seconds (list[float]): Of the call, from the photo in memory to boxes.
        cpu_seconds (list[float]): Processor time of it, of all threads
            together.
        sides (list[int]): Longer side of the photo in pixels.
    """

    contestant: Contestant
    photos: list[LabelledPhoto]
    boxes: list[np.ndarray] = field(default_factory=list)
    scores: list[np.ndarray] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    sides: list[int] = field(default_factory=list)


def run_in_turns(
    contestants: Sequence[Contestant],
    labelled: LabelledSet,
    change: Change = lambda photo, name: photo,
) -> list[Run]:
    """Show each photo to each detector, one after the other.

    Args:
        contestants (Sequence[Contestant]): The detectors.
        labelled (LabelledSet): The photos.
        change (Callable): Changes a photo before they see it; by default it
            stays as it is.

    Returns:
        list[Run]: In the order of the detectors.

    Raises:
        PhotoError: If a photo cannot be read.
    """
    from rich.console import Console
    from rich.progress import track

    from mmsrn.apis.photos import read_photo

    runs = [Run(x, labelled.photos) for x in contestants]
    bar = track(
        labelled.photos,
        labelled.name,
        console=Console(stderr=True),
        transient=True,
    )
    for index, item in enumerate(bar):
        photo = change(read_photo(item.path, str(item.path)), item.path.name)
        if index == 0:  # what the first call sets up is not timed
            for contestant in contestants:
                contestant.detector.detect(photo)
        for run in runs:
            start, cpu_start = time.perf_counter(), time.process_time()
            faces = run.contestant.detector.detect(photo)
            run.seconds.append(time.perf_counter() - start)
            run.cpu_seconds.append(time.process_time() - cpu_start)
            run.boxes.append(faces.boxes)
            run.scores.append(faces.scores)
            run.sides.append(max(photo.shape[:2]))
    return runs
