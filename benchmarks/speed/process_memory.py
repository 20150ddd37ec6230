"""Peak memory of a process that does nothing but predict."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import torch

from mmsrn.utils.allocator import keep_freed_memory
from mmsrn.utils.errors import UserError
from mmsrn.utils.trust import checkpoints_are_trusted, trust_checkpoints

from .detectors import load_detector
from .imposed_cells import impose
from .inputs import noise
from .variants import Contender, predict

STATUS = Path('/proc/self/status')


def process_peak(
    model: str,
    variant: str,
    size: tuple[int, int],
    imposed: float | None,
) -> dict[str, int]:
    """Measure the memory of a process that predicts once, on a CPU.

    The process is started for it, loads the detector, makes an image of noise
    and predicts.  Its memory is all that Linux counts as resident: Python,
    torch, weights, tensors, and what libraries take.

    Args:
        model (str): See ``load_detector``.
        variant (str): See ``Contender``.
        size (tuple[int, int]): Height and width of the image in pixels.
        imposed (float, optional): See ``impose``.

    Returns:
        dict[str, int]: Bytes: ``process_bytes``, the most at any time, and
        ``process_start_bytes``, before the prediction.

    Raises:
        UserError: If the process is ended, most likely by the system.
    """
    context = multiprocessing.get_context('spawn')
    threads = torch.get_num_threads()
    trusted = (checkpoints_are_trusted(),)
    with ProcessPoolExecutor(1, context, trust_checkpoints, trusted) as pool:
        task = pool.submit(
            _predict_once, model, variant, size, imposed, threads
        )
        try:
            return task.result()
        except BrokenProcessPool:
            raise UserError(
                f'--process-memory: the process of {variant} at '
                f'{size[0]}x{size[1]} was ended, most likely for want of '
                'memory; try smaller sizes'
            ) from None


def _predict_once(
    model: str,
    variant: str,
    size: tuple[int, int],
    imposed: float | None,
    threads: int,
) -> dict[str, int]:
    keep_freed_memory()
    torch.set_num_threads(threads)
    loaded = load_detector(model, 'cpu')
    batches = noise(loaded, size)
    contender = Contender(loaded, variant)
    network, amp = contender.model, contender.amp
    del loaded, contender  # weights that the variant does not use
    impose([network], imposed)
    start = _status('VmRSS')
    predict(network, batches, amp)
    return dict(process_bytes=_status('VmHWM'), process_start_bytes=start)


def _status(key: str) -> int:
    """Bytes of a line such as ``VmHWM:  123 kB``.

    Not ``getrusage``: its peak is also that of the parent of the process.
    """
    lines = STATUS.read_text().splitlines()
    (line,) = (x for x in lines if x.startswith(f'{key}:'))
    return int(line.split()[1]) * 1024
