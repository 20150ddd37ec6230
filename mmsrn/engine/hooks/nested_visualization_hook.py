"""Pictures of a test, in the folders of the images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmdet.engine.hooks import DetVisualizationHook
from mmdet.registry import HOOKS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from mmsrn.utils.folder_labels import labels_of


@HOOKS.register_module()
class NestedVisualizationHook(DetVisualizationHook):
    """mmdet's ``DetVisualizationHook``, which keeps the images' folders.

    mmdet puts all pictures into one folder, where ``a/1.jpg`` and ``b/1.jpg``
    overwrite each other.  It takes the same arguments.
    """

    def before_test(self, runner: Runner) -> None:
        """Find the folders that images are named below.

        Args:
            runner (Runner): The runner.
        """
        if self.test_out_dir is not None:
            self._base = os.path.join(
                runner.work_dir, runner.timestamp, self.test_out_dir
            )
            self._labels = labels_of(
                set(_image_roots(runner.test_dataloader.dataset))
            )

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict,
        outputs: Sequence[BaseDataElement],
    ) -> None:
        """Draw the images of a batch.

        Args:
            runner (Runner): The runner.
            batch_idx (int): Number of the batch.
            data_batch (dict): The batch.
            outputs (Sequence[DetDataSample]): Its samples, with
                ``img_path``.
        """
        for sample in outputs:
            if self.test_out_dir is not None:
                folder = self._folder(sample.img_path)
                self.test_out_dir = os.path.join(self._base, folder)
            super().after_test_iter(runner, batch_idx, data_batch, [sample])

    def _folder(self, image: str) -> Path:
        """Where a picture goes, below the folder of all."""
        folder = os.path.dirname(os.path.abspath(image))
        for root, label in self._labels.items():
            place = os.path.relpath(folder, root)
            if place.split(os.sep)[0] != os.pardir:
                return label / place
        # An annotation may name what lies elsewhere.
        return Path(*Path(folder).parts[1:])


def _image_roots(dataset: Any) -> Iterator[str]:
    """Folders of images of a set, or of all that it wraps."""
    if hasattr(dataset, 'datasets'):
        for inner in dataset.datasets:
            yield from _image_roots(inner)
    elif hasattr(dataset, 'dataset'):
        yield from _image_roots(dataset.dataset)
    else:
        prefix = getattr(dataset, 'data_prefix', None) or {}
        root = prefix.get('img') or prefix.get('img_path')
        root = root or getattr(dataset, 'data_root', None)
        if root:
            yield os.path.abspath(root)
