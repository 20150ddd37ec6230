"""Run jobs in several processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from typing import Any

__all__ = ['run_in_processes']

_ONE_THREAD = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')


def run_in_processes(
    function: Callable[[Any], Any],
    jobs: Iterator[Any],
    workers: int,
    start: Callable[..., None],
    args: tuple = (),
) -> Iterator[Any]:
    """Run jobs in processes with one thread each; few jobs wait at a time.

    Args:
        function (Callable): Of a module; takes a job.
        jobs (Iterator): What can be pickled.
        workers (int): Processes.
        start (Callable): Of a module; prepares each process.
        args (tuple): Its arguments.

    Yields:
        Any: Results of ``function``, in any order.

    Raises:
        OSError: If a process was killed.
    """
    waiting = set()
    # Not forked: the threads of OpenCV do not survive it.
    pool = ProcessPoolExecutor(
        workers, get_context('spawn'), initializer=start, initargs=args
    )
    try:
        while True:
            more = islice(jobs, 4 * workers - len(waiting))
            with _as_workers_start():
                waiting |= {pool.submit(function, job) for job in more}
            if not waiting:
                break
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (x.result() for x in done)
    except BrokenProcessPool:
        raise OSError(
            'a process was killed, perhaps because memory ran out; run again '
            'with fewer workers, finished work is kept'
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _as_workers_start() -> Iterator[None]:
    """What processes that start here inherit, which then is as it was.

    They use one thread, in NumPy too, and leave Ctrl-C to this process, from
    their first moment on.
    """
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, '1'))
    signals = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
