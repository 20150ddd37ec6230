"""Files that tools write where their user says."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .atomic_file import atomic_file
from .launch import fail

__all__ = ['output_file', 'write_json']


@contextmanager
def output_file(
    parser: argparse.ArgumentParser, path: str | Path
) -> Iterator[Path]:
    """Write a file whole, or end with a clear message and leave none.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        path (str | Path): The file.

    Yields:
        Path: Where to write, see ``atomic_file``.
    """
    try:
        with atomic_file(path) as partial:
            yield partial
    except OSError as error:
        fail(parser, f'{path}: cannot be written: {error}')


def write_json(
    parser: argparse.ArgumentParser, path: str | Path | None, content: Any
) -> None:
    """Write what ``--json`` asks for, if it does.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        path (str | Path, optional): The file.
        content (Any): Numbers, texts, lists and dicts.
    """
    if path is None:
        return
    text = json.dumps(content, indent=2) + '\n'
    with output_file(parser, path) as partial:
        partial.write_text(text, encoding='utf-8')
