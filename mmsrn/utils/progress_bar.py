"""A progress bar for images."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ['progress_bar']


def progress_bar(console: Console | None = None) -> Progress:
    """Return a progress bar for images.

    Args:
        console (Console, optional): Where it is; None: stdout.

    Returns:
        Progress: Without tasks, to be used in a ``with`` statement.
    """
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
        console=console,
        speed_estimate_period=600,  # seconds: large images come rarely
    )
