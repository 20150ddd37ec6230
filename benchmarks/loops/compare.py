"""A fast implementation and a slow one, in turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any


def compare(
    fast: Callable[[], Any],
    slow: Callable[[], Any],
    iters: int,
    clock: Callable[[], float],
    slow_iters: int | None = None,
) -> tuple[dict[str, float], Any, Any]:
    """Time two functions that do the same.

    Args:
        fast (Callable): The one.
        slow (Callable): The other.
        iters (int): Timed calls of each.
        clock (Callable): Seconds, of which differences count:
            ``time.process_time``, which other programs do not change, unless
            threads are to count once.
        slow_iters (int, optional): Timed calls of the slow one, if fewer.

    Returns:
        tuple[dict, Any, Any]: Medians, ``seconds`` and ``slow_seconds``, and
        their ``ratio``; the last results of both.
    """
    times: tuple[list[float], list[float]] = [], []
    results: list[Any] = [None, None]
    for i in range(iters):
        for j, function in enumerate((fast, slow)):
            if j == 1 and slow_iters is not None and i >= slow_iters:
                continue
            begin = clock()
            results[j] = function()
            times[j].append(clock() - begin)
    seconds, slow_seconds = map(statistics.median, times)
    row = dict(
        seconds=seconds,
        slow_seconds=slow_seconds,
        ratio=slow_seconds / seconds,
    )
    return row, *results
