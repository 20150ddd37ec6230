"""Checkpoints that are always complete, also in moved work folders."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmsrn.utils.atomic_file import atomic_file, remove_partial

_BACKEND = 'mmsrn_atomic'


class AtomicBackend(LocalBackend):
    """mmengine's local backend; files appear when they are complete."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file.

        Args:
            obj (bytes): Its content.
            filepath (str | Path): The file.
        """
        with atomic_file(filepath) as partial:
            partial.write_bytes(obj)


register_backend(_BACKEND, AtomicBackend, force=True)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` with three differences.

    A checkpoint appears under its name only when it is complete, so a training
    that is killed while saving can be resumed.  The checkpoint that it
    supersedes is removed afterwards, not before, so ``max_keep_ckpts=1`` is
    safe too.  In a copied work folder it replaces the copy's best checkpoint;
    mmengine would remove the original's.

    Args:
        *args: See mmengine.
        **kwargs: See mmengine; ``backend_args`` and ``file_client_args``
            choose another backend.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not kwargs.keys() & {'backend_args', 'file_client_args'}:
            kwargs['backend_args'] = dict(backend=_BACKEND)
        super().__init__(*args, **kwargs)

    def before_train(self, runner: Runner) -> None:
        """Look for earlier checkpoints in the current work folder.

        What a killed training left of one that it was saving is removed.

        Args:
            runner (Runner): The runner.
        """
        info = runner.message_hub.runtime_info
        former = {
            key: Path(path).name
            for key, path in info.items()
            if key.startswith('best_ckpt') and path
        }
        super().before_train(runner)
        remove_partial(Path(self.out_dir))
        for key, name in former.items():
            path = self.file_backend.join_path(self.out_dir, name)
            runner.message_hub.update_info(key, path)
            if key == 'best_ckpt':
                self.best_ckpt_path = path
            else:
                indicator = key.removeprefix('best_ckpt_')
                self.best_ckpt_path_dict[indicator] = path

    def _save_checkpoint_with_step(self, *args: Any, **kwargs: Any) -> None:
        with self._removing_afterwards():
            super()._save_checkpoint_with_step(*args, **kwargs)

    def _save_best_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        with self._removing_afterwards():
            super()._save_best_checkpoint(*args, **kwargs)

    @contextmanager
    def _removing_afterwards(self) -> Iterator[None]:
        """Keep the files that are removed in the block until it has ended."""
        backend, removed = self.file_backend, []
        self.file_backend = copy.copy(backend)
        self.file_backend.remove = removed.append
        try:
            yield
        finally:
            self.file_backend = backend
        for path in removed:
            backend.remove(path)
