"""Pictures of a test, in the folders of the images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmdet.engine.hooks import DetVisualizationHook
from mmdet.registry import HOOKS
from mmengine.fileio import get
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from mmsrn.utils.folder_labels import labels_of
from mmsrn.utils.image_files import decode_image


@HOOKS.register_module()
class NestedVisualizationHook(DetVisualizationHook):
    """mmdet's ``DetVisualizationHook`` with two differences in tests.

    Pictures keep the images' folders: mmdet puts all into one folder, where
    ``a/1.jpg`` and ``b/1.jpg`` overwrite each other.  Images are upright in
    every format, as the boxes are: mmdet leaves WebP and AVIF unturned.  It
    takes the same arguments.
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
        if not self.draw:
            return
        for sample in outputs:
            self._test_index += 1
            path = sample.img_path
            name = os.path.basename(path)
            data = get(path, backend_args=self.backend_args)
            picture = None
            if self.test_out_dir is not None:
                picture = os.path.join(self._base, self._folder(path), name)
            self._visualizer.add_datasample(
                name if self.show else 'test_img',
                decode_image(data, check=False)[..., ::-1],
                data_sample=sample,
                show=self.show,
                wait_time=self.wait_time,
                pred_score_thr=self.score_thr,
                out_file=picture,
                step=self._test_index,
            )

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
