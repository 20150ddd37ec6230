"""A progress bar for terminals."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ['Progress']


class Progress:
    """Shows the progress on the terminal.

    It uses stderr, and only if stderr is a terminal and rich is installed. It
    does nothing outside its ``with`` block.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            try:
                from rich.console import Console

                from mmsrn.utils.progress_bar import progress_bar
            except ImportError:
                return self
            self._bar = progress_bar(Console(stderr=True))
            self._bar.start()
        return self

    def __exit__(self, *args: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def start(self, text: str, total: int | None) -> None:
        """Begin a piece of work.

        Args:
            text (str): What it is.
            total (int, optional): Steps; None: unknown.
        """
        if self._bar is not None:
            self._task = self._bar.add_task(text, total=total)

    def advance(self, steps: int = 1) -> None:
        """Count steps.

        Args:
            steps (int): How many.
        """
        if self._bar is not None:
            self._bar.advance(self._task, steps)
