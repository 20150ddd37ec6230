"""Photos shown to teachers, in parallel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mmsrn.apis.photos import PhotoError, read_photo
from mmsrn.utils.image_files import ABOUT_ONE_IMAGE, start_worker
from mmsrn.utils.one_line import one_line
from mmsrn.utils.processes import run_in_processes
from mmsrn.utils.trust import checkpoints_are_trusted, trust_checkpoints

from .record import Answer
from .rule import FLOOR
from .teachers import Look, Teacher, quiet

__all__ = ['ask_teachers', 'version_of']

#: Of this process: teachers by name, once a photo needs them.
_teachers: Sequence[Teacher] = ()
_looks: dict[str, Look] = {}


def version_of(path: Path) -> list[int]:
    """Tell one content of a file from another: bytes, and time of change."""
    facts = path.stat()
    return [facts.st_size, facts.st_mtime_ns]


def ask_teachers(
    photos: Iterable[tuple[str, Path]],
    teachers: Sequence[Teacher],
    workers: int,
) -> Iterator[tuple[str, Answer | str]]:
    """Show photos to teachers.

    Args:
        photos (Iterable[tuple[str, Path]]): Names and files.
        teachers (Sequence[Teacher]): Each process loads them once.
        workers (int): Processes, of one thread each.

    Yields:
        tuple[str, Answer | str]: Name of a photo, in any order, and what the
        teachers said, or why it cannot be used.

    Raises:
        OSError: If a process was killed.
        ValueError: If a teacher cannot be loaded.
    """
    yield from run_in_processes(
        _ask,
        iter(photos),
        workers,
        _start,
        (tuple(teachers), checkpoints_are_trusted()),
    )


def _start(teachers: Sequence[Teacher], trusted: bool) -> None:
    global _teachers
    _teachers = teachers
    trust_checkpoints(trusted)
    start_worker()


def _ask(job: tuple[str, Path]) -> tuple[str, Answer | str]:
    name, path = job
    try:
        version = version_of(path)
        photo = read_photo(path, str(path))
    except (OSError, PhotoError) as error:
        return name, one_line(error)
    if not _looks:
        with quiet():
            _looks.update({x.name: x.load() for x in _teachers})
    found = []
    for teacher, look in _looks.items():
        try:
            found.append(_keep(look(photo), photo))
        except ABOUT_ONE_IMAGE as error:
            reason = one_line(error) or type(error).__name__
            return name, f'{path}: {teacher}: {reason}'
    height, width = photo.shape[:2]
    return name, Answer(name, version, width, height, found)


def _keep(rows: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """What is worth a record, cut off where the photo ends."""
    height, width = photo.shape[:2]
    rows = rows[rows[:, 4] >= FLOOR]
    rows[:, 0:4:2] = rows[:, 0:4:2].clip(0, width)
    rows[:, 1:4:2] = rows[:, 1:4:2].clip(0, height)
    return rows
