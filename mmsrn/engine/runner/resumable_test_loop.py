"""A test that continues where it was interrupted."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mmdet.registry import LOOPS
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import MMLogger, print_log
from mmengine.runner import Runner, TestLoop
from mmengine.structures import BaseDataElement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from torch.utils.data import DataLoader

from .result_store import ResultStore, fingerprint

#: Folder of the results below the work folder.
RESULTS = 'test_results'


class Restored(NamedTuple):
    """In place of a batch: its samples, from an interrupted test."""

    samples: list[BaseDataElement]


@contextmanager
def _log_above(bar: Progress) -> Iterator[None]:
    """Show a bar, with what is logged above it."""
    with bar:
        if bar.disable:
            yield
            return
        handlers = [
            x
            for x in MMLogger.get_current_instance().handlers
            if type(x) is logging.StreamHandler
        ]
        # What the bar has put in place of the terminal.
        streams = [x.setStream(sys.stderr) for x in handlers]
        try:
            yield
        finally:
            for handler, stream in zip(handlers, streams):
                handler.setStream(stream)


class _PendingLoader:
    """All batches in their order, those that are finished as ``Restored``.

    Its length is the number of batches still to be tested, which estimates of
    the remaining time are made from.
    """

    def __init__(self, loader: DataLoader, store: ResultStore) -> None:
        self.loader, self.store = loader, store
        self.done: set[int] = set()
        self.indices: list[int] = []  # of the batch last given
        self.batches = [list(x) for x in loader.batch_sampler]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def _pending(self) -> list[list[int]]:
        return [x for x in self.batches if not self.done.issuperset(x)]

    def __len__(self) -> int:
        return len(self._pending())

    def _load(self, batches: list[list[int]]) -> Iterator[dict]:
        loader = self.loader
        workers = {}
        if loader.num_workers:
            workers = dict(prefetch_factor=loader.prefetch_factor)
        return iter(
            DataLoader(
                loader.dataset,
                batch_sampler=batches,
                num_workers=loader.num_workers,
                collate_fn=loader.collate_fn,
                pin_memory=loader.pin_memory,
                timeout=loader.timeout,
                worker_init_fn=loader.worker_init_fn,
                multiprocessing_context=loader.multiprocessing_context,
                **workers,
            )
        )

    def __iter__(self) -> Iterator[dict | Restored]:
        pending = self._pending()
        bar = Progress(
            TextColumn('Testing'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn('left'),
            TimeRemainingColumn(),
            speed_estimate_period=600,
        )
        bar.disable = not (is_main_process() and bar.console.is_terminal)
        fresh = self._load(pending)
        with _log_above(bar):
            task = bar.add_task('', total=sum(map(len, pending)))
            for batch in self.batches:
                self.indices = batch
                if not self.done.issuperset(batch):
                    yield next(fresh)
                    bar.advance(task, len(batch))
                    continue
                samples = [self.store.load(x) for x in batch]
                if any(x is None for x in samples):
                    self.done.difference_update(batch)
                    yield next(self._load([batch]))
                else:
                    yield Restored(samples)


class _KeepHook(Hook):
    """Writes the results of each batch."""

    priority = 'VERY_LOW'

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[BaseDataElement] | None = None,
    ) -> None:
        loader = runner.test_dataloader
        for index, sample in zip(loader.indices, outputs or ()):
            if not sample.get('incomplete', False):
                loader.store.save(index, sample)


@LOOPS.register_module()
class ResumableTestLoop(TestLoop):
    """mmengine's ``TestLoop`` that saves the result of each image.

    Results are in ``test_results/NAME`` of the work folder, one file per
    image, written as soon as the image is finished.  The name depends on
    weights, settings and images, so results of other tests are never used.
    With ``resume``, images that have a result are skipped; the metrics see all
    images in their order.  Samples marked ``incomplete``, which ran out of
    memory, are not saved and are tested again.

    Results stay after the test, so another metric takes seconds.

    On a terminal a bar shows the progress and the remaining time.

    Args:
        resume (bool): Whether to use existing results.
        **kwargs: Arguments of ``TestLoop``.

    Example:
        >>> test_cfg = dict(type='ResumableTestLoop', resume=True)
    """

    def __init__(self, *args, resume: bool = False, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.resume = resume
        self._loader = self.dataloader
        self._tested = 0
        self.runner.register_hook(_KeepHook())

    def run(self) -> dict:
        """Test.

        Returns:
            dict: The metrics.
        """
        name = fingerprint(self.runner, self._loader.dataset)
        store = ResultStore(Path(self.runner.work_dir) / RESULTS / name)
        self.dataloader = _PendingLoader(self._loader, store)
        self._tested = 0
        there, num = store.indices(), len(self._loader.dataset)
        barrier()  # before others write what would be counted here
        text = f'Results of finished images are kept in {store.folder}.'
        if self.resume:
            self.dataloader.done = there
            text += f' Resuming: {len(there)} of {num} images are finished.'
        elif there:
            text += (
                f' {len(there)} of {num} are there already; resuming would '
                'use them.'
            )
        print_log(text, 'current')
        return super().run()

    def run_iter(self, idx: int, data_batch: dict | Restored) -> None:
        """Test a batch, or take its saved results.

        Args:
            idx (int): Number of the batch.
            data_batch (dict | Restored): The batch.
        """
        if isinstance(data_batch, Restored):
            samples = data_batch.samples
            self.evaluator.process(data_samples=samples, data_batch=None)
            self.runner.call_hook('after_test_restore', outputs=samples)
            return
        # As if there were no other batches, for the log.
        super().run_iter(self._tested, data_batch)
        self._tested += 1
