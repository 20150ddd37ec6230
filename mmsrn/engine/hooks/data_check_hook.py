"""Stop before a run if the data do not match the model."""

from __future__ import annotations

from typing import Any

from mmdet.registry import HOOKS
from mmengine.dataset import BaseDataset
from mmengine.evaluator import DumpResults
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch import nn

from mmsrn.datasets.empty_sets import (
    describe_classes,
    has_faces,
    inner_datasets,
)
from mmsrn.utils.errors import UserError

__all__ = ['DataCheckHook']

# Parts of a model that know other classes than those of the boxes.
_OF_OTHERS = {'backbone', 'rpn_head', 'semantic_head'}


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Check before a run that the data fit the model and have faces.

    The run ends with one line if a dataset's classes are a string instead of a
    tuple, if a head has another number of classes, or if no image of a set for
    training, or for a metric that needs annotations, has an object that
    counts. mmdet's ``NumClassCheckHook`` checks the number of classes only
    when each set is used.
    """

    def before_run(self, runner: Runner) -> None:
        """Check the datasets of all loops.

        Args:
            runner (Runner): The runner.
        """
        for kind in ('train', 'val', 'test'):
            loop = getattr(runner, f'_{kind}_loop')
            if not isinstance(loop, BaseLoop):
                continue
            needed = kind == 'train' or _needs_faces(loop.evaluator)
            for dataset in inner_datasets(loop.dataloader.dataset):
                self._check(runner.model, dataset, kind, needed)

    def _check(
        self, model: nn.Module, dataset: Any, kind: str, needed: bool
    ) -> None:
        classes = getattr(dataset, 'metainfo', {}).get('classes')
        if not classes:  # images without annotations
            return
        name = f'{kind} set ({type(dataset).__name__})'
        if isinstance(classes, str):
            raise UserError(
                f"{name}: metainfo.classes is the text '{classes}', not a "
                f"tuple of names: one class needs a comma, ('{classes}',)"
            )
        for part, module in model.named_modules():
            num = getattr(module, 'num_classes', None)
            other = not _OF_OTHERS.isdisjoint(part.split('.'))
            if isinstance(num, int) and not other and num != len(classes):
                raise UserError(
                    f'{name} has the {len(classes)} classes '
                    f'{", ".join(classes)}, but {type(module).__name__} '
                    f'({part}) has num_classes={num}: set it to '
                    f'{len(classes)}, or fold the classes with class_map'
                )
        known = isinstance(dataset, BaseDataset)
        if needed and known and not has_faces(dataset):
            raise UserError(
                f'{name}: {dataset.ann_file}: no image has an object that '
                f'counts: {describe_classes(dataset)}'
            )


def _needs_faces(evaluator: Any) -> bool:
    """Whether a metric compares with annotations of the dataset."""
    return any(
        not isinstance(x, DumpResults)
        and not getattr(x, 'format_only', False)
        and getattr(x, 'ground_truth', None) is None
        for x in evaluator.metrics
    )
