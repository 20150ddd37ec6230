"""WIDER FACE's and DARK FACE's evaluations as mmdet metrics."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Sequence

import numpy as np
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmsrn.evaluation.protocols import (
    DARK_FACE,
    WIDER_FACE,
    FaceEvaluation,
    FaceProtocol,
    worst_images,
)
from mmsrn.evaluation.protocols.extras import check_extras, extra_numbers
from mmsrn.evaluation.readers import (
    EvaluationWarning,
    ImageNames,
    find_wider_face_mat,
    write_submission,
)
from mmsrn.structures.face_set import ATTRIBUTE_NAMES, FaceSet, face_set

from .annotations import as_array, find_annotations


class FaceMetric(BaseMetric):
    """Base class: evaluate detections by a protocol.

    A subclass names the protocol and registers the metric.  Higher is better
    for all numbers.  To keep the best checkpoint:
    ``dict(type='CheckpointHook', save_best='auto', rule='greater')``.

    Args:
        gt_dir (str, optional): Ground truth in the protocol's layout.
            Default: the annotations of the dataset.
        class_names (str | Sequence[str], optional): Classes of the detector
            that are faces.  Default: its only class, or ``face``.
        extras (str | Sequence[str]): Further analyses, see
            ``mmsrn.evaluation.protocols.extras.EXTRAS``, or ``'all'``.
        num_worst (int): Images to list for the analysis ``'worst'``.
        format_only (bool): Write the results and evaluate nothing.
        outfile_prefix (str, optional): Write the results to this path plus
            ``.zip``, in the layout of the evaluation server.
        collect_device (str): See ``BaseMetric``.
        prefix (str, optional): See ``BaseMetric``.
        collect_dir (str, optional): See ``BaseMetric``.

    Raises:
        ValueError: If ``extras`` are unknown, or ``format_only`` is set
            without ``outfile_prefix``; as ``AnnotationError`` if the ground
            truth is missing or malformed.
    """

    #: What the evaluation goes by.
    protocol: FaceProtocol

    def __init__(
        self,
        gt_dir: str | None = None,
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
        if gt_dir is not None and not format_only:
            self.ground_truth = self.protocol.read_truth(gt_dir)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the detections, and the annotations if those are needed.

        Args:
            data_batch (dict): Not used.
            data_samples (Sequence[dict]): With ``pred_instances`` in pixels
                of the original image, ``img_path``, and ``instances`` or
                ``gt_instances``.

        Raises:
            ValueError: If there are no annotations.
        """
        judges = self.ground_truth is None and not self.format_only
        if judges and not (self.dataset_meta or {}).get('labelled', True):
            raise ValueError(
                f'{type(self).__name__}: the images of the test have no '
                'labels; set format_only=True and outfile_prefix to write the '
                'results, or gt_dir to evaluate them'
            )
        labels = self._labels()
        for sample in data_samples:
            found = sample['pred_instances']
            taken = np.isin(as_array(found['labels']), labels)
            result = dict(
                path=str(sample.get('img_path') or sample['img_id']),
                boxes=as_array(found['bboxes'])[taken].reshape(-1, 4),
                scores=as_array(found['scores'])[taken],
            )
            if judges:
                result['faces'] = find_annotations(sample, labels)
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
            dict[str, float]: AP by setting, then the numbers of ``extras``;
            empty with ``format_only``.  The first, which ``save_best='auto'``
            takes, is the setting with the most faces.

        Raises:
            ValueError: If two images have one name, or no image is one of
                the ground truth.
        """
        names = self._names([x['path'] for x in results])
        predictions = {
            name: self.protocol.to_rows(
                x['boxes'].astype(np.float64), x['scores']
            )
            for name, x in zip(names, results)
        }
        if self.outfile_prefix is not None:
            path = write_submission(
                f'{self.outfile_prefix}.zip',
                predictions,
                header=self.protocol.header,
            )
            print_log(f'Results are saved to {path}', 'current')
        if self.format_only:
            return {}
        truth, extras = self.ground_truth, self.extras
        if truth is None:
            truth = self._annotated(names, results)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always', EvaluationWarning)
            evaluation = self.protocol.evaluate(predictions, truth)
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
                name = '/'.join(parts[-1 - self.protocol.folders :])
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
            self.protocol.setting,
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


@METRICS.register_module()
class WiderFaceMetric(FaceMetric):
    """Easy, medium and hard AP of WIDER FACE, equal to the official tool.

    Keys are ``wider_face/hard``, ``wider_face/medium`` and
    ``wider_face/easy``, or, from annotations, ``wider_face/all`` and the AP by
    face height.  The official tool gives the same numbers for the zip that
    ``outfile_prefix`` writes.

    Args:
        gt_dir (str, optional): Folder of the four ``.mat`` files, or its
            parent.  Default, and with a warning if the files are missing: the
            annotations of the dataset.
        **kwargs: See :class:`FaceMetric`.

    Raises:
        AnnotationError: If a ``.mat`` file is malformed.

    Example:
        >>> val_evaluator = dict(
        ...     type='WiderFaceMetric', gt_dir='data/widerface/ground_truth'
        ... )
    """

    protocol = WIDER_FACE
    default_prefix = WIDER_FACE.metric_key

    def __init__(self, gt_dir: str | None = None, **kwargs) -> None:
        missing = gt_dir is not None and find_wider_face_mat(gt_dir) is None
        super().__init__(gt_dir=None if missing else gt_dir, **kwargs)
        if missing and not self.format_only:
            print_log(
                f'WiderFaceMetric: no ground truth of WIDER FACE in {gt_dir} '
                '(wider_face_val.mat), so that the annotations of the dataset '
                'are evaluated: one setting, all, which no published number '
                'belongs to',
                'current',
                logging.WARNING,
            )


@METRICS.register_module()
class DarkFaceMetric(FaceMetric):
    """AP as the published Octave tool of DARK FACE computes it.

    The key is ``dark_face/ap``.

    Args:
        gt_dir (str, optional): Folder of label files, or a split list; each
            file or line is an image to evaluate.  Default: the annotations of
            the dataset.
        **kwargs: See :class:`FaceMetric`.

    Raises:
        AnnotationError: If annotations are missing or malformed.
    """

    protocol = DARK_FACE
    default_prefix = DARK_FACE.metric_key
