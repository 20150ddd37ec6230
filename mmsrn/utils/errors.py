"""Errors that a user can fix, printed in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .one_line import printable
from .standard_streams import StreamError, checked_streams

__all__ = ['UserError', 'program_name', 'user_errors']


class UserError(Exception):
    """A problem and its remedy, in one line.

    Library code raises it for a wrong option, file or config. Programs catch
    it with :func:`user_errors`.
    """


def program_name() -> str:
    """Return the name of the running script, as in its help.

    Returns:
        str: For example ``'train.py'``.
    """
    return Path(sys.argv[0]).name


@contextmanager
def user_errors(program: str | None = None) -> Iterator[None]:
    """End with exit status 2 and one line at a ``UserError``.

    The same happens if stdout cannot be written. If the reader of stdout has
    gone, the program ends silently with status 141. Other exceptions pass.

    Args:
        program (str, optional): Name of the program in the message. By default
            that of the running script.

    Raises:
        SystemExit: Instead of these errors.

    Example:
        >>> @user_errors()
        ... def main():
        ...     raise UserError('photo.jpg: no such file')
    """
    name = program_name() if program is None else program
    try:
        with checked_streams():
            yield
    except (UserError, StreamError) as error:
        print(f'{name}: error: {printable(error)}', file=sys.stderr)
        raise SystemExit(2) from error
