"""Output files that the user names."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .atomic_file import atomic_file, is_stream, remove_partial
from .errors import UserError

__all__ = [
    'check_distinct',
    'check_kept',
    'check_output',
    'check_writable',
    'output_file',
    'write_json',
]


def check_writable(folder: str | Path, what: str) -> None:
    """Check that files can be created in a folder.

    Creates the folder and a temporary file in it, because permissions say
    little about network drives and full disks.

    Args:
        folder (str | Path): The folder.
        what (str): What the user gave, for the message.

    Raises:
        UserError: If it fails.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f'{what} cannot be written: {error}') from error


def check_output(path: str | Path, what: str) -> None:
    """Check that a file can be created or written to.

    Args:
        path (str | Path): The file, a device or a pipe.
        what (str): What the user gave, for the message.

    Raises:
        UserError: If it fails.
    """
    if os.path.isdir(path):
        raise UserError(f'{what}: is a folder; name a file')
    if not is_stream(path):
        check_writable(Path(path).parent, what)
    elif not os.access(path, os.W_OK):
        raise UserError(f'{what} cannot be written: no permission')


def check_distinct(**files: str | Path | None) -> None:
    """Check that no file is named twice.

    Args:
        **files (str | Path, optional): What the user gave, by option.

    Raises:
        UserError: If two are the same.
    """
    seen: dict[str, str] = {}
    for name, file in files.items():
        if file is None:
            continue
        given = f'--{name.replace("_", "-")} {file}'
        other = seen.setdefault(os.path.realpath(file), given)
        if other != given:
            raise UserError(
                f'{other} {given}: both name the same file; choose two'
            )


def check_kept(
    inputs: Iterable[str | Path | None], **files: str | Path | None
) -> None:
    """Check that no output is written over an input.

    Args:
        inputs (Iterable[str | Path | None]): Files and folders that are read.
        **files (str | Path, optional): What the user gave, by option.

    Raises:
        UserError: If one is.
    """
    read = {os.path.realpath(x) for x in inputs if x is not None}
    for name, file in files.items():
        if file is not None and os.path.realpath(file) in read:
            raise UserError(
                f'--{name.replace("_", "-")} {file}: is read too, and would '
                'be overwritten; name another file'
            )


@contextmanager
def output_file(path: str | Path) -> Iterator[Path]:
    """Write a file that appears only when it is complete.

    What killed processes left of it is removed.

    Args:
        path (str | Path): The file.

    Yields:
        Path: Where to write, see ``atomic_file``.

    Raises:
        UserError: If it cannot be written.
    """
    path = Path(path)
    try:
        remove_partial(path.parent, [path.name])
        with atomic_file(path) as partial:
            yield partial
    except OSError as error:
        raise UserError(f'{path}: cannot be written: {error}') from error


def write_json(path: str | Path | None, content: Any) -> None:
    """Write a json file if ``path`` is given.

    Args:
        path (str | Path, optional): The file.
        content (Any): Numbers, texts, lists and dicts.

    Raises:
        UserError: If it cannot be written.
    """
    if path is None:
        return
    text = json.dumps(content, indent=2) + '\n'
    with output_file(path) as partial:
        partial.write_text(text, encoding='utf-8')
