"""A protocol, and the evaluation of a set by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmsrn.evaluation.matlab import to_corners
from mmsrn.structures.face_set import FaceSet

from .checks import check_names, check_values
from .curves import FaceCurve, pr_curve
from .matching import FaceMatches, match_faces

__all__ = ['FaceEvaluation', 'FaceProtocol']


@dataclass(frozen=True)
class FaceEvaluation:
    """Curves of every setting, and the data for further analyses.

    Attributes:
        curves (dict[str, FaceCurve]): By setting.
        matches (dict[str, FaceMatches]): By setting.
        ground_truth (FaceSet): The faces.
        predictions (list[np.ndarray]): For each image (n, 5) float64, x1 y1
            x2 y2 score.
        equal (str): See
            :func:`~mmsrn.evaluation.protocols.normalize_scores`.
    """

    curves: dict[str, FaceCurve]
    matches: dict[str, FaceMatches]
    ground_truth: FaceSet
    predictions: list[np.ndarray]
    equal: str

    @property
    def ap(self) -> dict[str, float]:
        """dict[str, float]: Average precision by setting."""
        return {name: curve.ap for name, curve in self.curves.items()}


@dataclass(frozen=True)
class FaceProtocol:
    """Everything that is specific to the evaluation of a benchmark.

    Attributes:
        name (str): Display name of the benchmark.
        read_truth (Callable[[str | Path], FaceSet]): Reader of the ground
            truth.
        corners (bool): Whether boxes of results are x1 y1 x2 y2; else they
            are x y w h.
        header (bool): Whether result files begin with the name of the image
            and the number of detections.
        folders (int): Folders in the names of images.
        equal (str): Treatment of scores that are all equal, see
            :func:`~mmsrn.evaluation.protocols.normalize_scores`.
        setting (str): Name of the only setting of a dataset's annotations.
        metric_key (str): Prefix of its numbers in logs.
    """

    name: str
    read_truth: Callable[[str | Path], FaceSet]
    corners: bool
    header: bool
    folders: int
    equal: str
    setting: str
    metric_key: str

    def to_rows(self, corners: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Convert detections to the form of result files.

        Args:
            corners (np.ndarray): (n, 4) float64, x1 y1 x2 y2 in pixels.
            scores (np.ndarray): (n,).

        Returns:
            np.ndarray: (n, 5) float64.
        """
        rows = np.column_stack([corners, scores])
        if not self.corners:
            rows[:, 2:4] -= rows[:, :2]
        return rows

    def evaluate(
        self, predictions: Mapping[str, np.ndarray], ground_truth: FaceSet
    ) -> FaceEvaluation:
        """Evaluate predictions in all settings.

        Args:
            predictions (Mapping[str, np.ndarray]): Image to (n, 5), boxes in
                the form of result files, and scores.
            ground_truth (FaceSet): The faces.

        Returns:
            FaceEvaluation: AP in [0, 1] by setting, curves and matches.

        Raises:
            ValueError: If a prediction is malformed, or none belongs to an
                image of the ground truth.

        Warns: EvaluationWarning: Where the published tool has an answer that
        is probably not intended.
        """
        names = ground_truth.names
        rows = [self._corner_rows(x, predictions.get(x)) for x in names]
        check_names(predictions, names)
        check_values(rows, names, self.equal)

        matches: dict[str, FaceMatches] = {}
        curves = {}
        done: dict[int, FaceMatches] = {}
        for name, setting in ground_truth.settings.items():
            # The settings of WIDER FACE share their boxes.
            key = id(setting.faces)
            if key not in done:
                done[key] = match_faces(rows, setting.faces, self.equal)
            matches[name] = done[key]
            try:
                curves[name] = pr_curve(matches[name], setting.counts)
            except ValueError as error:
                raise ValueError(f'setting {name}: {error}') from None
        return FaceEvaluation(curves, matches, ground_truth, rows, self.equal)

    def _corner_rows(
        self, name: str, predictions: np.ndarray | None
    ) -> np.ndarray:
        """Check the predictions of an image and turn them into corners."""
        if predictions is None:
            predictions = np.empty((0, 5))
        rows = np.asarray(predictions, np.float64)
        if rows.ndim != 2 or rows.shape[1] != 5:
            raise ValueError(
                f'{name}: predictions must be of the shape (n, 5), not '
                f'{rows.shape}'
            )
        if self.corners:
            return rows
        return np.hstack([to_corners(rows[:, :4]), rows[:, 4:]])
