"""Files of a data set that is copied with changes."""

from __future__ import annotations

import os
import shutil
import stat
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from mmsrn.utils.atomic_file import atomic_file, remove_partial


class FolderError(OSError, ValueError):
    """Error of a folder that cannot be read, in one line with its name."""


def find_files(src: Path) -> Iterator[Path]:
    """All files below a folder, in order.

    Args:
        src (Path): The folder.

    Yields:
        Path: Relative to ``src``; nothing hidden, and no pipes or devices.

    Raises:
        FolderError: If a folder cannot be read.
        ValueError: If a link leads back to a folder it lies in.
    """

    def walk(folder: Path, above: tuple[str, ...]) -> Iterator[Path]:
        real = os.path.realpath(folder)
        if real in above:
            raise ValueError(f'{folder}: a link to a folder that contains it')
        try:
            opened = os.scandir(folder)
        except OSError as error:
            raise FolderError(
                f'{folder}: cannot be read: {error.strerror}'
            ) from None
        with opened as entries:
            entries = sorted(entries, key=lambda x: x.name)
        entries = [x for x in entries if not x.name.startswith('.')]
        inner = [x for x in entries if x.is_dir()]
        for entry in entries:
            if not entry.is_dir() and not _is_special(entry):
                yield Path(entry.path).relative_to(src)
        for entry in inner:
            yield from walk(Path(entry.path), (*above, real))

    return walk(Path(src), ())


def _is_special(entry: os.DirEntry) -> bool:
    """Whether it is a pipe, whose reader would wait, or a device."""
    if entry.is_file(follow_symlinks=False):  # needs no call of the system
        return False
    try:
        return not stat.S_ISREG(entry.stat().st_mode)
    except OSError:  # a link to nothing, which whoever reads it names
        return False


def is_current(source: Path, target: Path) -> bool:
    """Whether a result is there and no older than its source."""
    try:
        return target.stat().st_mtime_ns >= source.stat().st_mtime_ns
    except FileNotFoundError:
        return False


def remove_unfinished(dst: Path, files: list[Path]) -> None:
    """Remove what killed runs left of files they were writing.

    Args:
        dst (Path): Folder of the results.
        files (list[Path]): What belongs there, relative to it.
    """
    names = defaultdict(set)
    for file in files:
        names[file.parent].add(file.name)
    for folder, own in names.items():
        remove_partial(dst / folder, own)


def copy_files(src: Path, dst: Path, files: list[Path]) -> int:
    """Copy what is no image, unless it is there.

    Args:
        src (Path): Folder to read.
        dst (Path): Folder to write.
        files (list[Path]): Relative to both.

    Returns:
        int: Files copied.
    """
    num = 0
    for name in files:
        if not is_current(src / name, dst / name):
            with atomic_file(dst / name) as partial:
                shutil.copy2(src / name, partial)
            num += 1
    return num
