"""Detect faces in any number of photos on Ray."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset

from mmsrn.utils.one_line import one_line

from .filesystem import holds_photos
from .finding import FaceFinder
from .listing import list_sources
from .reading import read_listing
from .store import FaceTable
from .summary import Summary

__all__ = ['BulkError', 'detect']

#: Photos of a listing that a task reads.
_TASK_PHOTOS = 256
#: Shares of a core: detectors leave some for the tasks that read, so that
#: one for each core never takes all.
_DETECTING, _READING = 0.9, 0.1
#: How often a batch is tried again whose actor was lost.
_RETRIES = 3


class BulkError(RuntimeError):
    """Error that ends a job, in one line."""


def detect(
    source: Any,
    out: str | os.PathLike,
    *,
    address: str = 'local',
    actors: int | None = None,
    actor_cpus: int = 1,
    actor_gpus: float = 0,
    path_column: str = 'path',
    bytes_column: str = 'bytes',
    on_rows: Callable[[int, int | None], None] | None = None,
    **settings: Any,
) -> Summary:
    """Find the faces of many photos and write them to Parquet files.

    Results that the folder already holds are kept, so the same call continues
    after an interruption. Photos that cannot be read become rows with an
    error.

    Args:
        source (str | PathLike | Sequence): See ``list_sources``.
        out (str | PathLike): Folder of the results, or an address such as
            ``s3://bucket/faces``; see ``FaceTable``.
        address (str): Address of a Ray cluster; ``'auto'`` for the one that
            runs on this machine; ``'local'`` to start Ray here for the job. An
            existing connection to Ray is reused.
        actors (int, optional): Number of detectors. By default one per
            ``actor_cpus`` cores or ``actor_gpus`` GPUs of the cluster.
        actor_cpus (int): Cores per detector.
        actor_gpus (float): GPUs per detector.
        path_column (str): Column of Parquet sources with the names of the
            photos.
        bytes_column (str): Column of Parquet sources with the image files.
        on_rows (Callable, optional): Called with the number of finished photos
            and the total, or None if it is unknown.
        **settings: Arguments of ``FaceDetector``.

    Returns:
        Summary: What was done.

    Raises:
        PhotoError: If a source does not exist.
        StoreError: If ``out`` holds something else.
        BulkError: If Ray cannot be reached or the detector cannot be made.
    """
    # Before Ray starts, which takes seconds.
    listing = list_sources(source)
    store = FaceTable(os.fspath(out))
    store.open({k: v for k, v in settings.items() if k != 'batch_size'})
    left, done = store.without_done(listing)
    started = not ray.is_initialized()
    if started:
        _connect(address)
    try:
        if actors is None:
            actors = _fitting(actor_cpus, actor_gpus)
        summary = Summary(actors, done)
        if len(left):
            rows = _rows(
                left,
                actors,
                dict(threads=actor_cpus, settings=settings),
                dict(num_cpus=_DETECTING * actor_cpus, num_gpus=actor_gpus),
                (path_column, bytes_column, settings.get('strict', False)),
            )
            # How many photos a container holds is known at its end.
            several = any(map(holds_photos, left['location'].to_pylist()))
            total = None if several else len(left)
            _collect(rows, store, summary, total, on_rows)
    finally:
        if started:
            ray.shutdown()
    return summary


def _connect(address: str) -> None:
    logging.getLogger('ray.data').setLevel(logging.ERROR)  # not of plans
    try:
        ray.init(
            address=address,
            include_dashboard=False if address == 'local' else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    # Of a Ray that does not start in time it says so by a bare Exception.
    except Exception as error:
        if address == 'local':
            raise BulkError(
                f'Ray does not start: {one_line(error)}; run the same command '
                'again, when the machine has less to do'
            ) from error
        raise BulkError(
            f'cannot reach Ray at {address}: {one_line(error)}; start a '
            'cluster with ray start --head, or leave the address out to use '
            'this machine'
        ) from error


def _fitting(cpus: int, gpus: float) -> int:
    """How many detectors the cluster has room for."""
    there = ray.cluster_resources()
    number = int(there.get('CPU', 1) // cpus)
    if gpus:
        number = min(number, int(there.get('GPU', 0) / gpus))
    if number < 1:
        raise BulkError(
            f'one detector needs {cpus} cores and {gpus:g} GPUs; the cluster '
            f'has {there.get("CPU", 0):g} and {there.get("GPU", 0):g}'
        )
    return number


def _rows(
    listing: pa.Table,
    actors: int,
    arguments: dict[str, Any],
    resources: dict[str, float],
    reading: tuple[str, str, bool],
) -> Dataset:
    """Plan the job: read in tasks, detect in actors."""
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # counted as lost
    context.target_max_block_size = 2**26
    size = max(1, min(_TASK_PHOTOS, len(listing) // (4 * actors)))
    tables = [
        listing.slice(i, size).combine_chunks()
        for i in range(0, len(listing), size)
    ]
    # One large batch of several sizes fills the batches of the network.
    batch = 4 * arguments['settings'].get('batch_size', 1)
    photos = ray.data.from_arrow(tables).map_batches(
        read_listing,
        batch_format='pyarrow',
        batch_size=None,
        fn_args=reading,
        num_cpus=_READING,
    )
    with warnings.catch_warnings():
        # Of max_task_retries, which Ray has no other name for yet.
        warnings.simplefilter('ignore', DeprecationWarning)
        return photos.map_batches(
            FaceFinder,
            batch_format='pyarrow',
            batch_size=batch,
            zero_copy_batch=True,
            fn_constructor_kwargs=arguments,
            compute=ActorPoolStrategy(size=actors),
            max_task_retries=_RETRIES,
            **resources,
        )


def _collect(
    rows: Dataset,
    store: FaceTable,
    summary: Summary,
    total: int | None,
    on_rows: Callable[[int, int | None], None] | None,
) -> None:
    start = time.monotonic()
    try:
        for batch in rows.iter_batches(
            batch_format='pyarrow', batch_size=None
        ):
            store.add(batch)
            summary.add(batch)
            if on_rows is not None:
                on_rows(summary.photos, total)
    except ray.exceptions.RayError as error:
        raise BulkError(_cause(error)) from error
    finally:
        store.flush()
        summary.seconds = time.monotonic() - start
    if total is not None:
        summary.lost = total - summary.photos


def _cause(error: Exception) -> str:
    """The line of an error of a process that says what happened."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
