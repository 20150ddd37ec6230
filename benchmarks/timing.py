"""Time and memory of a call."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Hashable
from pathlib import Path

import torch
from rich.progress import track
from torch.profiler import ProfilerActivity, profile


def peak_rise(function: Callable[[], object], device: torch.device) -> int:
    """Most memory of tensors during a call, above that at its start.

    CUDA: ``max_memory_allocated``. CPU: torch's allocator keeps no count, but
    its profiler sees every allocation and release with its size; the peak is
    that of their running sum. It holds what CUDA's count holds, tensors and
    their temporaries, and, unlike the size of the process, neither what
    libraries allocate on their own nor what the allocator holds back.

    Args:
        function (Callable): What to call.
        device (torch.device): Where its tensors are.

    Returns:
        int: Bytes.
    """
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        start = torch.cuda.memory_allocated(device)
        function()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - start
    with profile(
        activities=[ProfilerActivity.CPU], profile_memory=True
    ) as profiler:
        function()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'trace.json')
        profiler.export_chrome_trace(str(file))
        events = json.loads(file.read_text())['traceEvents']
    changes = [
        (x['ts'], x['args']['Ev Idx'], x['args']['Bytes'])
        for x in events
        if x.get('name') == '[memory]'
    ]
    peak = now = 0
    for _, _, change in sorted(changes):
        now += change
        peak = max(peak, now)
    return peak


def seconds(
    function: Callable[[], object],
    device: torch.device,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Time of a call, by default that of the wall clock.

    Args:
        function (Callable): What to call.
        device (torch.device): Where it computes.
        clock (Callable): Seconds, of which differences count.

    Returns:
        float: Seconds.
    """
    wait(device)
    begin = clock()
    function()
    wait(device)
    return clock() - begin


def wait(device: torch.device) -> None:
    """Wait until a device has done what it was told."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def take_turns(
    timed: dict[Hashable, Callable[[], float]],
    iters: int,
    warmup: int,
    text: str,
) -> dict[Hashable, list[float]]:
    """Time several things in turns, so that all meet the same disturbances.

    Args:
        timed (dict[Hashable, Callable]): Functions that do a thing and return
            the seconds it took.
        iters (int): Calls of each that count.
        warmup (int): Calls before them.
        text (str): Of the progress bar.

    Returns:
        dict[Hashable, list[float]]: Seconds of each call.
    """
    times: dict[Hashable, list[float]] = {name: [] for name in timed}
    order = list(timed)
    for i in track(range(warmup + iters), text):
        for name in order:
            spent = timed[name]()
            if i >= warmup:
                times[name].append(spent)
        order.reverse()
    return times


def spread(times: list[float]) -> dict[str, float]:
    """Median and range of times.

    Args:
        times (list[float]): Seconds.

    Returns:
        dict[str, float]: ``seconds`` (median), ``seconds_min`` and
        ``seconds_max``.
    """
    return {
        'seconds': statistics.median(times),
        'seconds_min': min(times),
        'seconds_max': max(times),
    }
