"""Files that appear only when they are complete."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ['atomic_file', 'is_partial', 'is_stream', 'remove_partial']

#: Bytes of a name that file systems take.
_LONGEST = 255
#: Bytes that the writer adds to the name: dots, process and thread.
_WRITER = 35
_PARTIAL = re.compile(r'\.(.+)\.(\d+(?:-\d+)?)(\.[^.]*)?', re.DOTALL)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` on success.

    A missing folder is created. An old ``path`` stays until the block ends
    without an exception. Devices, pipes and the like (:func:`is_stream`) are
    written to directly.

    Args:
        path (str | Path): File to create or replace.

    Yields:
        Path: Where to write: beside ``path``, with the same suffix.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_file(Path(folder, 'new', 'a.txt')) as partial:
        ...         size = partial.write_text('done')
        ...     print([x.name for x in Path(folder, 'new').iterdir()])
        ['a.txt']
    """
    path = Path(path)
    if is_stream(path):
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(_partial_name(path.name))
    lock = None
    try:
        lock = _lock(partial)
        yield partial
        if not _was_written(partial):
            raise FileNotFoundError(
                errno.ENOENT, 'nothing was written', str(path)
            )
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def is_stream(path: str | Path) -> bool:
    """Return whether a path must be written to and not replaced.

    Args:
        path (str | Path): Any path.

    Returns:
        bool: True for a device, a pipe, a socket, or an open file such as
        ``/dev/stdout``.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    folder = os.path.realpath(os.path.dirname(path) or '.')
    if folder == '/dev' or f'{folder}/'.startswith('/proc/'):
        return not stat.S_ISDIR(mode)
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_partial(name: str) -> bool:
    """Return whether a name is that of an unfinished file.

    Args:
        name (str): Name of a file, without folders.

    Returns:
        bool: True for names that :func:`atomic_file` uses.

    Example:
        >>> is_partial('.faces.4711-140235.json'), is_partial('.faces.json')
        (True, False)
    """
    return _PARTIAL.fullmatch(name) is not None


def remove_partial(folder: Path, names: Collection[str] | None = None) -> None:
    """Remove unfinished files of killed processes.

    Files of running processes stay.

    Args:
        folder (Path): Folder of the files; it may be missing.
        names (Collection[str], optional): Names of the intended files. By
            default all.
    """
    if names is not None:
        names = {_parts(x) for x in names}
    try:
        found = [x for x in os.listdir(folder) if is_partial(x)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in found:
        stem, _, suffix = _PARTIAL.fullmatch(name).groups()
        if names is None or (stem, suffix or '') in names:
            if _is_left(folder / name):
                (folder / name).unlink(missing_ok=True)


def _parts(name: str) -> tuple[str, str]:
    """Stem, cut to what a longer name leaves of it, and suffix."""
    stem, suffix = Path(name).stem, Path(name).suffix
    room = _LONGEST - _WRITER - len(os.fsencode(suffix))
    return os.fsdecode(os.fsencode(stem)[: max(room, 1)]), suffix


def _partial_name(name: str) -> str:
    stem, suffix = _parts(name)
    return f'.{stem}.{os.getpid()}-{threading.get_ident()}{suffix}'


def _was_written(partial: Path) -> bool:
    """Whether a file is there, and not just as :func:`_lock` made it."""
    info = partial.stat()
    return bool(info.st_size or info.st_mtime_ns)


def _lock(partial: Path) -> int | None:
    """Hold a file as long as this process lives.

    Returns:
        int, optional: Of the open file; None on file systems without locks.
    """
    handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.utime(handle, ns=(0, 0))  # see _was_written
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _is_left(partial: Path) -> bool:
    """Whether nobody holds a file any more, as far as can be told."""
    try:
        handle = os.open(partial, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return stat.S_ISREG(os.fstat(handle).st_mode)
    except OSError:
        return False
    finally:
        os.close(handle)
