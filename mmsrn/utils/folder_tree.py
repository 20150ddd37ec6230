"""Files of a data set that is copied with changes."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from mmsrn.utils.atomic_file import atomic_file

_PARTIAL = re.compile(r'\.(.+)\.\d+(\.\w+)?')  # as atomic_file names them


def find_files(src: Path) -> Iterator[Path]:
    """All files below a folder, in order.

    Args:
        src (Path): The folder.

    Yields:
        Path: Relative to ``src``; nothing hidden.

    Raises:
        OSError: If a folder cannot be read.
        ValueError: If a link leads back to a folder it lies in.
    """

    def stop(error: OSError) -> None:
        raise error

    for folder, folders, files in os.walk(src, onerror=stop, followlinks=True):
        here = Path(folder)
        folders[:] = sorted(x for x in folders if not x.startswith('.'))
        for name in folders:
            inner = here / name
            if inner.is_symlink() and here.resolve().is_relative_to(
                inner.resolve()
            ):
                raise ValueError(f'{inner}: a link to a folder it lies in')
        for name in sorted(files):
            if not name.startswith('.'):
                yield (here / name).relative_to(src)


def is_current(source: Path, target: Path) -> bool:
    """Whether a result is there and no older than its source."""
    try:
        return target.stat().st_mtime_ns >= source.stat().st_mtime_ns
    except FileNotFoundError:
        return False


def remove_partial(dst: Path, files: list[Path]) -> None:
    """Remove what a killed run left of files it was writing.

    Args:
        dst (Path): Folder of the results.
        files (list[Path]): What belongs there, relative to it.
    """
    known = set(files)
    for folder in sorted({x.parent for x in files}):
        if not (dst / folder).is_dir():
            continue
        for path in (dst / folder).iterdir():
            match = _PARTIAL.fullmatch(path.name)
            if match and folder / (match[1] + (match[2] or '')) in known:
                path.unlink()


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
