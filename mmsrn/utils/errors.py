"""The error that a user can mend, and the line a program ends with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .standard_streams import StreamError, checked_streams

__all__ = ['UserError', 'program_name', 'user_errors']


class UserError(Exception):
    """What is wrong and what to do, in one line.

    Library code raises it where a wrong option, file or config is to blame.
    Programs catch it once, with :func:`user_errors`.
    """


def program_name() -> str:
    """Name of the running script, as its help has it.

    Returns:
        str: For example ``'train.py'``.
    """
    return Path(sys.argv[0]).name


@contextmanager
def user_errors(program: str | None = None) -> Iterator[None]:
    """End with exit status 2 and one line at a ``UserError``.

    So it does if stdout cannot be written.  If nobody reads it any more, the
    program ends in silence, with status 141.  All other exceptions pass.

    Args:
        program (str, optional): The name of the program, for the message; by
            default that of the running script.

    Raises:
        SystemExit: In place of these errors.

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
        print(f'{name}: error: {error}', file=sys.stderr)
        raise SystemExit(2) from error
