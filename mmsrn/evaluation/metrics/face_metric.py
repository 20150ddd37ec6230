"""What the metrics of WIDER FACE and DARK FACE share."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log

from mmsrn.evaluation.functional import (
    EvaluationWarning,
    FaceEvaluation,
    FaceSet,
    face_set,
    worst_images,
)
from mmsrn.evaluation.functional.extras import check_extras, extra_numbers
from mmsrn.evaluation.functional.face_set import ATTRIBUTE_NAMES
from mmsrn.parsers import ImageNames, write_submission

# mmengine tells from the name of a metric whether more is better, and fails
# on names it does not know: save_best='wider_face/hard' must work.
for _key in ('wider_face/', 'dark_face/'):
    if _key not in CheckpointHook._default_greater_keys:
        CheckpointHook._default_greater_keys.append(_key)

# Pixels that annotations may reach over the image.
_OVERHANG = 2


class FaceMetric(BaseMetric):
    """Collects detections and faces of every image.

    Args:
        class_names (str | Sequence[str], optional): Classes of the detector
            that are faces. By default its only class, or ``face``.
        extras (str | Sequence[str]): Further analyses, see
            :data:`mmsrn.evaluation.functional.extras.EXTRAS`, or ``'all'``.
        num_worst (int): Images to list for the analysis ``'worst'``.
        format_only (bool): Write the results and evaluate nothing.
        outfile_prefix (str, optional): Write the results to this path with
            ``.zip`` at its end, in the layout that the evaluation server
            takes.
        collect_device (str): See ``BaseMetric``.
        prefix (str, optional): See ``BaseMetric``.
        collect_dir (str, optional): See ``BaseMetric``.

    Raises:
        ValueError: If ``extras`` are unknown, or ``format_only`` is set
            without ``outfile_prefix``.
    """

    #: Folders in the names of images.
    num_folders = 0
    #: Name of the setting of annotations.
    setting = 'all'

    def __init__(
        self,
        class_names: str | Sequence[str] | None = None,
        extras: str | Sequence[str] = (),
        num_worst: int = 20,
        format_only: bool = False,
        outfile_prefix: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if format_only and outfile_prefix is None:
            raise ValueError(
                'format_only writes the results: outfile_prefix must say where'
            )
        if isinstance(class_names, str):
            class_names = (class_names,)
        self.class_names = class_names
        self.extras = check_extras(extras)
        self.num_worst = num_worst
        self.format_only = format_only
        self.outfile_prefix = outfile_prefix
        self.ground_truth: FaceSet | None = None

    # What subclasses define.

    def to_rows(self, corners: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Put detections into the form of the protocol, (n, 5)."""
        raise NotImplementedError

    def evaluate_set(
        self, predictions: Mapping[str, np.ndarray], truth: FaceSet
    ) -> FaceEvaluation:
        """Evaluate by the protocol."""
        raise NotImplementedError

    # What they share.

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the detections, and the annotations if those are needed.

        Args:
            data_batch (dict): Not used.
            data_samples (Sequence[dict]): With ``pred_instances`` in pixels
                of the original image, ``img_path``, and ``instances`` or
                ``gt_instances``.
        """
        labels = self._labels()
        for sample in data_samples:
            found = sample['pred_instances']
            taken = np.isin(_array(found['labels']), labels)
            result = dict(
                path=str(sample.get('img_path') or sample['img_id']),
                boxes=_array(found['bboxes'])[taken].reshape(-1, 4),
                scores=_array(found['scores'])[taken],
            )
            if self.ground_truth is None and not self.format_only:
                result['faces'] = _annotations(sample, labels)
            self.results.append(result)

    def _labels(self) -> list[int]:
        """Labels of the classes that are faces."""
        classes = tuple((self.dataset_meta or {}).get('classes', ('face',)))
        names = self.class_names
        if names is None:
            names = classes if len(classes) == 1 else ('face',)
        unknown = [name for name in names if name not in classes]
        if unknown:
            raise ValueError(
                f'{type(self).__name__}: {unknown[0]!r} is none of the '
                f'classes {classes}; class_names says which of them are faces'
            )
        return [classes.index(name) for name in names]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Evaluate the whole set.

        Args:
            results (list[dict]): Of :meth:`process`, of all processes.

        Returns:
            dict[str, float]: AP by setting, the largest setting first, which
            is the one that ``save_best='auto'`` takes, then the numbers of
            ``extras``; empty with ``format_only``.

        Raises:
            ValueError: If two images have one name, or no image is one of
                the ground truth.
        """
        names = self._names([x['path'] for x in results])
        predictions = {
            name: self.to_rows(x['boxes'].astype(np.float64), x['scores'])
            for name, x in zip(names, results)
        }
        if self.outfile_prefix is not None:
            path = write_submission(
                f'{self.outfile_prefix}.zip',
                predictions,
                header=self.num_folders > 0,
            )
            print_log(f'Results are saved to {path}', 'current')
        if self.format_only:
            return {}
        truth, extras = self.ground_truth, self.extras
        if truth is None:
            truth = self._annotated(names, results)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always', EvaluationWarning)
            evaluation = self.evaluate_set(predictions, truth)
        for warning in caught:
            print_log(
                f'{type(self).__name__}: {warning.message}',
                'current',
                logging.WARNING,
            )
        return self._report(evaluation, extras)

    def _names(self, paths: list[str]) -> list[str]:
        """Names of images; those of the ground truth as they are there."""
        known = self.ground_truth and ImageNames(self.ground_truth.names)
        names = []
        for path in paths:
            name = known.find(path) if known else None
            if name is None:
                parts = path.replace('\\', '/').split('/')
                name = '/'.join(parts[-1 - self.num_folders :])
                stem, dot, suffix = name.rpartition('.')
                name = stem if dot and '/' not in suffix else name
            names.append(name)
        if len(set(names)) < len(names):
            first = next(x for x in names if names.count(x) > 1)
            raise ValueError(
                f'{type(self).__name__}: two images are called {first}'
            )
        return names

    def _annotated(self, names: list[str], results: list[dict]) -> FaceSet:
        faces = [x['faces'] for x in results]
        attributes = {}
        for i, name in enumerate(ATTRIBUTE_NAMES):
            values = np.concatenate([x['attributes'][:, i] for x in faces])
            if (values >= 0).all():  # -1: not known
                attributes[name] = values
        return face_set(
            names,
            [x['boxes'] for x in faces],
            [x['counts'] for x in faces],
            attributes,
            self.setting,
            'annotations of the dataset',
        )

    def _report(
        self, evaluation: FaceEvaluation, extras: Sequence[str]
    ) -> dict[str, float]:
        metrics = dict(reversed(evaluation.ap.items()))
        if 'height' not in extras and list(metrics) == ['all']:
            extras = (*extras, 'height')  # one number says little
        numbers = extra_numbers(evaluation, extras)
        for name, value in numbers.items():
            metrics[name] = math.nan if value is None else value
        if 'worst' in extras:
            setting = list(evaluation.curves)[-1]
            score, images = worst_images(evaluation, setting, self.num_worst)
            lines = [
                f'  {x.name}: {x.missed} missed, {x.false_positives} false'
                for x in images
            ]
            print_log(
                f'Most errors ({setting}, from score {score:.3f} on):\n'
                + '\n'.join(lines),
                'current',
            )
        return metrics


def _array(values) -> np.ndarray:
    """Turn a tensor, or boxes of mmdet, into an array."""
    values = getattr(values, 'tensor', values)
    if not isinstance(values, torch.Tensor):
        return values
    values = values.detach().cpu()
    # numpy has no such type.
    return (
        values.float() if values.dtype == torch.bfloat16 else values
    ).numpy()


def _annotations(sample: dict, labels: list[int]) -> dict[str, np.ndarray]:
    """Faces of an image in its own pixels, and which of them count.

    ``instances`` is what the dataset has. ``gt_instances`` went through the
    pipeline, and is right if that loads annotations after resizing, as the
    test pipelines of mmdet do.
    """
    if 'instances' in sample:
        faces = [x for x in sample['instances'] if x['bbox_label'] in labels]
        boxes = np.array([x['bbox'] for x in faces], np.float64)
        ignored = np.array([x.get('ignore_flag', 0) for x in faces], bool)
        attributes = np.array(
            [[x.get(name, -1) for name in ATTRIBUTE_NAMES] for x in faces], int
        )
    elif 'gt_instances' in sample:
        parts = [sample['gt_instances'], sample.get('ignored_instances')]
        boxes, ignored = np.empty((0, 4)), np.zeros(0, bool)
        for flag, part in enumerate(parts):
            if part is None:
                continue
            faces = np.isin(_array(part['labels']), labels)
            boxes = np.vstack([boxes, _array(part['bboxes'])[faces]])
            ignored = np.append(ignored, np.full(faces.sum(), bool(flag)))
        _check_inside(boxes, sample)
        attributes = np.full((len(boxes), len(ATTRIBUTE_NAMES)), -1)
    else:
        raise ValueError(
            'there are no annotations to evaluate with: let the test '
            "pipeline keep them ('instances' in meta_keys of PackDetInputs)"
        )
    return dict(
        boxes=boxes.reshape(-1, 4),
        counts=~ignored,
        attributes=attributes.reshape(-1, len(ATTRIBUTE_NAMES)),
    )


def _check_inside(boxes: np.ndarray, sample: dict) -> None:
    """Refuse boxes that were scaled with the image."""
    shape = sample.get('ori_shape')
    if shape is None or not len(boxes):
        return
    if (boxes[:, 2:] > np.array(shape[1::-1]) + _OVERHANG).any():
        raise ValueError(
            f'annotations of {sample.get("img_path")} reach over the image: '
            'the test pipeline must load annotations after resizing, or keep '
            "those of the dataset ('instances' in meta_keys of PackDetInputs)"
        )
