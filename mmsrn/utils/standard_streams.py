"""Errors of standard output: full, closed or without a reader."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

__all__ = ['StreamError', 'checked_streams']

_NO_READER = 141  # as shells say


class StreamError(Exception):
    """Standard output cannot be written; one line that says why."""


class _Stdout:
    """A stream whose errors are told from those of files."""

    def __init__(self, stream: TextIO, closed: bool) -> None:
        self.stream = stream
        self._closed = closed

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write, or raise StreamError."""
        if self._closed:
            raise StreamError(
                'standard output cannot be written: it is closed'
            )
        with _named():
            return self.stream.write(text)

    def flush(self) -> None:
        """Flush, or raise StreamError."""
        with _named():
            self.stream.flush()


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StreamError(
            f'standard output cannot be written: {error.strerror}'
        ) from error


@contextmanager
def checked_streams() -> Iterator[None]:
    """Turn what goes wrong with stdout into one line.

    Names of files that are no text are printed with escapes.

    Raises:
        StreamError: If it cannot be written.
        SystemExit: With status 141, if nobody reads it any more.
    """
    if isinstance(sys.stdout, _Stdout):
        yield
        return
    closed = _open_streams()
    with suppress(AttributeError):  # of a notebook, for example
        sys.stdout.reconfigure(errors='backslashreplace')
    stream, sys.stdout = sys.stdout, _Stdout(sys.stdout, closed)
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        _drop(stream)
        raise SystemExit(_NO_READER) from error
    except StreamError:
        _drop(stream)
        raise
    finally:
        sys.stdout = stream


def _open_streams() -> bool:
    """Open what the program was started without; tell whether stdout was."""
    missing = [
        x for x in ('stdin', 'stdout', 'stderr') if getattr(sys, x) is None
    ]
    for name in missing:
        number = ('stdin', 'stdout', 'stderr').index(name)
        # Else the next file would get its number, and what libraries print.
        handle = os.open(os.devnull, os.O_RDWR)
        if handle != number:
            os.dup2(handle, number)
            os.close(handle)
        mode = 'r' if name == 'stdin' else 'w'
        stream = os.fdopen(number, mode, encoding='utf-8', closefd=False)
        setattr(sys, name, stream)
    return 'stdout' in missing


def _drop(stream: TextIO) -> None:
    """Drop what is left, of which Python would complain at the exit."""
    with suppress(OSError, ValueError), open(os.devnull, 'wb') as null:
        os.dup2(null.fileno(), stream.fileno())
