"""The WIDER FACE evaluation as a metric of mmdet."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
from mmdet.registry import METRICS
from mmengine.logging import print_log

from mmsrn.evaluation.functional import (
    FaceEvaluation,
    FaceSet,
    eval_widerface,
)
from mmsrn.parsers import find_wider_face_mat, read_wider_face_mat

from .face_metric import FaceMetric


@METRICS.register_module()
class WiderFaceMetric(FaceMetric):
    """AP of the settings easy, medium and hard, exactly as published.

    Keys are ``wider_face/hard``, ``wider_face/medium`` and
    ``wider_face/easy``, or, from annotations, ``wider_face/all`` and the AP
    by face height.  Detections are evaluated with the precision of the
    detector; the official tool gives the same numbers for the zip that
    ``outfile_prefix`` asks for.

    Args:
        gt_dir (str, optional): Folder of the four ``.mat`` files, or the one
            above ``ground_truth``.  By default, and with a warning if they
            are not there, the annotations of the dataset are the ground
            truth.
        **kwargs: See :class:`FaceMetric`.

    Raises:
        AnnotationError: If a ``.mat`` file is malformed.

    Example:
        >>> val_evaluator = dict(
        ...     type='WiderFaceMetric', gt_dir='data/widerface/ground_truth'
        ... )
    """

    default_prefix = 'wider_face'
    num_folders = 1

    def __init__(self, gt_dir: str | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        if gt_dir is None or self.format_only:
            return
        if find_wider_face_mat(gt_dir) is None:
            print_log(
                f'WiderFaceMetric: no ground truth of WIDER FACE in {gt_dir} '
                '(wider_face_val.mat), so that the annotations of the dataset '
                'are evaluated: one setting, all, which no published number '
                'belongs to',
                'current',
                logging.WARNING,
            )
            return
        self.ground_truth = read_wider_face_mat(gt_dir)

    def to_rows(self, corners: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Turn corners into x y w h score.

        Args:
            corners (np.ndarray): (n, 4) float64.
            scores (np.ndarray): (n,).

        Returns:
            np.ndarray: (n, 5) float64.
        """
        sides = corners[:, 2:] - corners[:, :2]
        return np.column_stack([corners[:, :2], sides, scores])

    def evaluate_set(
        self, predictions: Mapping[str, np.ndarray], truth: FaceSet
    ) -> FaceEvaluation:
        """Evaluate as the WIDER FACE tool does.

        Args:
            predictions (Mapping[str, np.ndarray]): Image to (n, 5).
            truth (FaceSet): The faces.

        Returns:
            FaceEvaluation: The result.
        """
        return eval_widerface(predictions, truth)
