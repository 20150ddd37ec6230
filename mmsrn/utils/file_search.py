"""Files below folders and by pattern, each once, however links loop."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ['expand_pattern', 'files_below']

OnError = Callable[[OSError], object]


def files_below(folder: str, on_error: OnError | None = None) -> list[Path]:
    """List the files below a folder.

    Links to folders are followed.  A folder that several ways lead to is
    looked through once, by the way without links if there is one, so that
    links may loop.

    Args:
        folder (str): The folder.
        on_error (Callable, optional): Is called with the error of a folder
            that cannot be read, which is left out.

    Returns:
        list[Path]: What is no folder, nothing hidden, in order.
    """
    return sorted(
        Path(here, name)
        for here, files in _folders(folder, on_error)
        for name in files
        if not name.startswith('.')
    )


def expand_pattern(pattern: str) -> list[str]:
    """List what a pattern stands for, as ``glob.glob`` does.

    ``**`` follows links as :func:`files_below` does, where ``glob`` may run
    through links that loop for years.

    Args:
        pattern (str): A path with ``*``, ``?``, ``[]`` or ``**``.

    Returns:
        list[str]: Files and folders, each once, in order.
    """
    parts = Path(pattern).parts
    return sorted(set(_expand('', parts)))


def _expand(here: str, parts: tuple[str, ...]) -> Iterator[str]:
    if not parts:
        yield here
        return
    part, *rest = parts
    if part == '**':
        for folder, files in _folders(here or '.', None):
            inner = os.path.normpath(folder) if not here else folder
            inner = '' if inner == '.' else inner
            yield from _expand(inner, tuple(rest))
            if not rest:
                yield from (os.path.join(inner, x) for x in files)
        return
    if not glob.has_magic(part):
        names = [part] if os.path.lexists(os.path.join(here, part)) else []
    else:
        try:
            names = fnmatch.filter(os.listdir(here or '.'), part)
        except OSError:  # no folder, or one that may not be read
            names = []
        names = [x for x in names if part[0] == '.' or x[0] != '.']
    for name in names:
        yield from _expand(os.path.join(here, name), tuple(rest))


def _folders(
    folder: str, on_error: OnError | None
) -> Iterator[tuple[str, list[str]]]:
    """A folder and all below it, with names of their files."""
    seen: set[str] = set()
    waiting = deque([folder])
    while waiting:
        # Links wait: what they lead to may have a way of its own.
        for here, folders, files in os.walk(waiting.popleft(), True, on_error):
            real = os.path.realpath(here)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = [x for x in folders if not x.startswith('.')]
            paths = (os.path.join(here, x) for x in folders)
            waiting.extend(filter(os.path.islink, paths))
            yield here, files
