"""Time, work and memory of detectors that predict in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from rich.progress import track

from benchmarks.timing import peak_rise, seconds, spread, take_turns, wait

from .detectors import Batch
from .stages import STAGES, by_stage, multiply_adds
from .variants import Contender, predict


def measure_all(
    contenders: list[Contender],
    batches: dict[str, list[Batch]],
    text: str,
    iters: int,
    warmup: int,
    memory: bool,
) -> list[dict]:
    """Measure contenders on images, in turns.

    Args:
        contenders (list[Contender]): Variants of detectors.
        batches (dict[str, list]): Images by name of the detector.
        text (str): Of the progress bar.
        iters (int): Timed predictions of each.
        warmup (int): Predictions before them.
        memory (bool): Whether to measure memory, too.

    Returns:
        list[dict]: Numbers of each contender, for an image: names, what
        ``spread`` gives, ``ratio`` to the time of the first,
        ``multiply_adds``, ``boxes``, ``stage_seconds``,
        ``stage_multiply_adds`` and, if asked for, ``peak_bytes``, the most of
        all images.
    """
    device = next(contenders[0].model.parameters()).device

    def call(x: Contender) -> Callable[[], int]:
        return lambda: predict(x.model, batches[x.loaded.name], x.amp)

    def clock() -> float:
        wait(device)
        return time.perf_counter()

    num = len(batches[contenders[0].loaded.name])
    times = take_turns(
        {x: lambda x=x: seconds(call(x), device) / num for x in contenders},
        iters,
        warmup,
        text,
    )
    stages: dict[Contender, list[dict]] = {x: [] for x in contenders}
    for _ in track(range(iters), f'{text}, stages'):
        for x in contenders:
            stages[x].append(by_stage(x.model, call(x), clock))
    first = spread(times[contenders[0]])['seconds']
    rows = []
    for x in contenders:
        row = dict(model=x.loaded.name, variant=x.variant, **spread(times[x]))
        work = multiply_adds(
            x.plain,
            lambda x=x: predict(x.plain, batches[x.loaded.name], x.amp),
        )
        row['ratio'] = row['seconds'] / first
        row['multiply_adds'] = sum(work.values()) / num
        row['boxes'] = call(x)() / num
        row['stage_seconds'] = {
            name: median(y[name] for y in stages[x]) / num for name in STAGES
        }
        row['stage_multiply_adds'] = {k: v / num for k, v in work.items()}
        if memory:
            row['peak_bytes'] = peak_rise(call(x), device)
        rows.append(row)
    return rows
