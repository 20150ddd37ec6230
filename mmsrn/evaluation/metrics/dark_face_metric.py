"""The DARK FACE evaluation as a metric of mmdet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from mmdet.registry import METRICS

from mmsrn.evaluation.functional import FaceEvaluation, FaceSet, eval_darkface
from mmsrn.parsers import read_dark_face

from .face_metric import FaceMetric


@METRICS.register_module()
class DarkFaceMetric(FaceMetric):
    """AP as the published Octave tool of DARK FACE computes it.

    The key is ``dark_face/ap``.

    Args:
        gt_dir (str, optional): Folder of label files, or a split list; each
            file or line is an image to evaluate.  By default the annotations
            of the dataset are the ground truth.
        **kwargs: See :class:`FaceMetric`.

    Raises:
        AnnotationError: If annotations are missing or malformed.
    """

    default_prefix = 'dark_face'
    setting = 'ap'

    def __init__(self, gt_dir: str | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        if gt_dir is not None and not self.format_only:
            self.ground_truth = read_dark_face(gt_dir)

    def to_rows(self, corners: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Keep corners: x1 y1 x2 y2 score.

        Args:
            corners (np.ndarray): (n, 4) float64.
            scores (np.ndarray): (n,).

        Returns:
            np.ndarray: (n, 5) float64.
        """
        return np.column_stack([corners, scores])

    def evaluate_set(
        self, predictions: Mapping[str, np.ndarray], truth: FaceSet
    ) -> FaceEvaluation:
        """Evaluate as the DARK FACE tool does.

        Args:
            predictions (Mapping[str, np.ndarray]): Image to (n, 5).
            truth (FaceSet): The faces.

        Returns:
            FaceEvaluation: The result.
        """
        return eval_darkface(predictions, truth)
