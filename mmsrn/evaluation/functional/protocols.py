"""The WIDER FACE and the DARK FACE evaluation of a whole set."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from .face_ap import FaceCurve, FaceMatches, match_faces, pr_curve
from .face_set import FaceSet
from .overlaps import to_corners

__all__ = [
    'EvaluationWarning',
    'FaceEvaluation',
    'eval_darkface',
    'eval_widerface',
]


class EvaluationWarning(UserWarning):
    """The published tool has an answer here, but hardly the one wanted."""


@dataclass(frozen=True)
class FaceEvaluation:
    """Curves of every setting, and what further analyses start from.

    Attributes:
        curves (dict[str, FaceCurve]): By setting.
        matches (dict[str, FaceMatches]): By setting.
        ground_truth (FaceSet): The faces.
        predictions (list[np.ndarray]): For each image (n, 5) float64, x1 y1
            x2 y2 score.
        equal (str): See
            :func:`~mmsrn.evaluation.functional.normalize_scores`.
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


def eval_widerface(
    predictions: Mapping[str, np.ndarray], ground_truth: FaceSet
) -> FaceEvaluation:
    """Evaluate as the WIDER FACE tool does.

    Args:
        predictions (Mapping[str, np.ndarray]): Image to (n, 5), x y w h score
            in pixels of the original image, in the order of the file: of
            equal scores the first comes first.
        ground_truth (FaceSet): The faces, for instance of
            :func:`mmsrn.parsers.read_wider_face_mat`.

    Returns:
        FaceEvaluation: AP in [0, 1] by setting, curves and matches.

    Raises:
        ValueError: If a prediction is malformed, or none belongs to an image
            of the ground truth.

    Warns:
        EvaluationWarning: If images have no predictions at all, predictions
            belong to images that are not evaluated, scores are NaN, infinite,
            all equal or never positive, or boxes have corners that are no
            numbers or in the wrong order: whatever has an answer in the
            published tool gets this answer, and a warning.

    Example:
        >>> import numpy as np
        >>> from mmsrn.evaluation.functional import face_set
        >>> truth = face_set(['a'], [np.array([[10, 10, 50, 60]])])
        >>> found = np.array([[10, 10, 40, 50, 0.9], [70, 70, 9, 9, 0.1]])
        >>> eval_widerface({'a': found}, truth).ap
        {'all': 1.0}
    """

    def corners(rows: np.ndarray) -> np.ndarray:
        return np.hstack([to_corners(rows[:, :4]), rows[:, 4:]])

    return _evaluate(predictions, ground_truth, corners, 'nan')


def eval_darkface(
    predictions: Mapping[str, np.ndarray], ground_truth: FaceSet
) -> FaceEvaluation:
    """Evaluate as the DARK FACE tool does.

    Args:
        predictions (Mapping[str, np.ndarray]): Image to (n, 5), x1 y1 x2 y2
            score in pixels of the original image, in the order of the file.
        ground_truth (FaceSet): The faces, for instance of
            :func:`mmsrn.parsers.read_dark_face`.

    Returns:
        FaceEvaluation: AP in [0, 1], curve and matches.

    Raises:
        ValueError: If a prediction is malformed, or none belongs to an image
            of the ground truth.

    Warns:
        EvaluationWarning: See :func:`eval_widerface`.
    """
    return _evaluate(predictions, ground_truth, np.asarray, 'one')


def _evaluate(
    predictions: Mapping[str, np.ndarray],
    ground_truth: FaceSet,
    corners: Callable[[np.ndarray], np.ndarray],
    equal: str,
) -> FaceEvaluation:
    """Evaluate all settings.

    Warns:
        EvaluationWarning: See :func:`eval_widerface`.
    """
    names = ground_truth.names
    rows = []
    for name in names:
        found = predictions.get(name)
        if found is None:
            found = np.empty((0, 5))
        found = np.asarray(found, np.float64)
        if found.ndim != 2 or found.shape[1] != 5:
            raise ValueError(
                f'{name}: predictions must be of the shape (n, 5), not '
                f'{found.shape}'
            )
        rows.append(corners(found))
    _warn_of_names(predictions, names)
    _warn_of_values(rows, names, equal)

    matches: dict[str, FaceMatches] = {}
    curves = {}
    done: dict[int, FaceMatches] = {}
    for name, setting in ground_truth.settings.items():
        # The settings of WIDER FACE share their boxes.
        key = id(setting.faces)
        if key not in done:
            done[key] = match_faces(rows, setting.faces, equal)
        matches[name] = done[key]
        try:
            curves[name] = pr_curve(matches[name], setting.counts)
        except ValueError as error:
            raise ValueError(f'setting {name}: {error}') from None
    return FaceEvaluation(curves, matches, ground_truth, rows, equal)


def _warn(message: str) -> None:
    warnings.warn(message, EvaluationWarning, stacklevel=4)


def _warn_of_names(predictions: Mapping[str, np.ndarray], names: list[str]):
    known = set(names)
    if len(known) < len(names):
        raise ValueError('the ground truth has an image twice')
    missing = [name for name in names if name not in predictions]
    others = [name for name in predictions if name not in known]
    if others and len(missing) == len(names):
        raise ValueError(
            f'none of the {len(others):,} images with predictions (first: '
            f'{others[0]}) is one of the {len(names):,} of the ground truth '
            f'(first: {names[0]})'
        )
    if missing:
        _warn(
            f'{len(missing):,} of {len(names):,} images have no predictions '
            f'(first: {missing[0]}); they count as images without detections'
        )
    if others:
        _warn(
            f'{len(others):,} images with predictions are not in the ground '
            f'truth (first: {others[0]}); they are not evaluated'
        )


def _warn_of_values(rows: list[np.ndarray], names: list[str], equal: str):
    lengths = [len(x) for x in rows]
    flat = np.concatenate([np.empty((0, 5)), *rows])
    image = np.repeat(np.arange(len(rows)), lengths)
    boxes, scores = flat[:, :4], flat[:, 4]
    if not len(flat):
        _warn('there are no detections at all')
        return

    def tell(wrong: np.ndarray, what: str) -> None:
        if wrong.any():
            images = np.unique(image[wrong])
            _warn(
                f'{int(wrong.sum()):,} detections in {len(images):,} images '
                f'(first: {names[images[0]]}) {what}'
            )

    tell(
        np.isnan(scores),
        'have a score that is NaN; as in the published tool they come before '
        'all others of their image',
    )
    tell(
        np.isinf(scores),
        'have an infinite score, which the published normalisation turns '
        'into NaN, and all others into 0 or NaN',
    )
    tell(
        ~np.isfinite(boxes).all(1),
        'have a coordinate that is no finite number; they match no face',
    )
    with np.errstate(invalid='ignore'):
        flipped = (boxes[:, 2:] < boxes[:, :2]).any(1)
    tell(
        flipped,
        'have a negative width or height; is the order of the four numbers '
        'the one that the layout wants?',
    )
    with np.errstate(over='ignore'):
        single = scores[np.isfinite(scores)].astype(np.float32)
    if not len(single):
        return
    if single.max() <= 0:
        _warn(
            f'no score of the {len(single):,} is above 0; the published '
            'normalisation takes 0 as the largest'
        )
    elif single.min() == single.max():
        answer = {
            'nan': 'divides 0 by 0, which makes the AP 0',
            'one': 'makes them all 1',
        }
        _warn(
            f'all {len(single):,} scores are equal; the published '
            f'normalisation {answer[equal]}'
        )
