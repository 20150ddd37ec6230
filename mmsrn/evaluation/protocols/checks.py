"""Warnings about predictions that the published tools treat oddly."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from mmsrn.evaluation.readers import EvaluationWarning

__all__ = ['check_names', 'check_values']


def _warn(message: str) -> None:
    warnings.warn(message, EvaluationWarning, stacklevel=4)


def check_names(
    predictions: Mapping[str, np.ndarray], names: list[str]
) -> None:
    """Compare the images of the predictions with those of the ground truth.

    Args:
        predictions (Mapping[str, np.ndarray]): Image to (n, 5).
        names (list[str]): Images of the ground truth.

    Raises:
        ValueError: If an image is there twice, or no prediction belongs to
            one.

    Warns:
        EvaluationWarning: If images have no predictions, or are not
            evaluated.
    """
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


def check_values(rows: list[np.ndarray], names: list[str], equal: str) -> None:
    """Warn of scores and boxes that the published tool treats oddly.

    Args:
        rows (list[np.ndarray]): For each image (n, 5) float64, x1 y1 x2 y2
            score.
        names (list[str]): The images.
        equal (str): See
            :func:`~mmsrn.evaluation.protocols.normalize_scores`.

    Warns:
        EvaluationWarning: Of each kind at most once.
    """
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
