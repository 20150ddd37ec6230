"""Analyses beyond AP: sizes, attributes, localisation, uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmsrn.structures.face_set import ATTRIBUTE_NAMES

from .curves import average_precision, pr_curve, roles
from .face_protocol import FaceEvaluation
from .matching import NUM_THRESHOLDS, FaceMatches, match_faces

__all__ = [
    'HEIGHTS',
    'IOU_THRESHOLDS',
    'RECALLS',
    'WorstImage',
    'ap_by_attribute',
    'ap_by_height',
    'ap_by_iou',
    'bootstrap_ap',
    'false_positives_at_recall',
    'worst_images',
]

IOU_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
RECALLS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
HEIGHTS = (8, 16, 32, 64, 128, 256)


class WorstImage(NamedTuple):
    """Errors in an image at the score of the best F1.

    Attributes:
        name (str): The image.
        missed (int): Faces that count and were missed.
        false_positives (int): Detections on no face, and duplicates.
    """

    name: str
    missed: int
    false_positives: int


def ap_by_iou(
    evaluation: FaceEvaluation,
    setting: str,
    thresholds: Sequence[float] = IOU_THRESHOLDS,
) -> dict[float, float]:
    """Compute the AP at several overlaps (SRN paper, location accuracy).

    IoU is computed in double precision, because integer arithmetic knows only
    0 and 1. With WIDER FACE's files the AP at 0.5 therefore differs a little
    from the published one.

    Args:
        evaluation (FaceEvaluation): Of a set.
        setting (str): One of its settings.
        thresholds (Sequence[float]): Overlaps in (0, 1].

    Returns:
        dict[float, float]: AP by overlap.
    """
    target = evaluation.ground_truth.settings[setting]
    faces = [x.astype(np.float64) for x in target.faces]
    matches = match_faces(evaluation.predictions, faces, evaluation.equal)
    return {
        iou: pr_curve(matches, target.counts, iou).ap for iou in thresholds
    }


def false_positives_at_recall(
    evaluation: FaceEvaluation,
    setting: str,
    recalls: Sequence[float] = RECALLS,
) -> dict[float, int | None]:
    """Count false positives where a recall is reached (paper, efficiency).

    The score threshold falls, over all images at once, until enough faces are
    found; detections of equal score count together.  Duplicates are false
    positives.

    Args:
        evaluation (FaceEvaluation): Of a set.
        setting (str): One of its settings.
        recalls (Sequence[float]): In (0, 1].

    Returns:
        dict[float, int | None]: Number by recall, None where it is not
        reached.
    """
    matches = evaluation.matches[setting]
    counts = evaluation.ground_truth.settings[setting].counts
    score, proposals, found = _by_score(matches, counts)
    # Of equal scores the last one knows the numbers.
    last = np.append(score[1:] != score[:-1], True)[: len(score)]
    proposals, found = proposals[last], found[last]
    result: dict[float, int | None] = {}
    for recall in recalls:
        # 0.1 * 30 is 3.0000000000000004.
        needed = np.ceil(round(recall * counts.sum(), 9))
        at = np.searchsorted(found, needed)
        enough = at < len(found)
        result[recall] = int(proposals[at] - found[at]) if enough else None
    return result


def _by_score(
    matches: FaceMatches, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of all that take part, falling; proposals and finds so far."""
    counted, finders = roles(matches, counts)
    finds = np.zeros(len(counted), bool)
    finds[finders] = True
    part = np.flatnonzero(counted & (matches.step < NUM_THRESHOLDS))
    order = part[np.argsort(-matches.score[part], kind='stable')]
    return (
        matches.score[order],
        np.arange(1, len(order) + 1),
        finds[order].cumsum(),
    )


def ap_by_height(
    evaluation: FaceEvaluation,
    setting: str,
    edges: Sequence[float] = HEIGHTS,
) -> dict[str, float]:
    """Compute the AP for bands of face height.

    As in COCO, faces of other heights and false positives of other heights are
    ignored.

    Args:
        evaluation (FaceEvaluation): Of a set.
        setting (str): One of its settings.
        edges (Sequence[float]): Heights in pixels at which bands meet.

    Returns:
        dict[str, float]: AP by band, such as ``'8-16'`` for heights from 8 to
        less than 16; bands without faces are left out.
    """
    target = evaluation.ground_truth.settings[setting]
    matches = evaluation.matches[setting]
    corners = np.concatenate([np.empty((0, 4)), *target.faces])
    heights = corners[:, 3] - corners[:, 1]
    own = matches.box[:, 3] - matches.box[:, 1]
    bounds = [0.0, *edges, np.inf]
    result = {}
    for low, high in zip(bounds, bounds[1:]):
        name = f'{low:g}-{high:g}' if high < np.inf else f'{low:g}+'
        counts = target.counts & (heights >= low) & (heights < high)
        if counts.any():
            costs = (own >= low) & (own < high)
            result[name] = pr_curve(matches, counts, costs=costs).ap
    return result


def ap_by_attribute(
    evaluation: FaceEvaluation, setting: str
) -> dict[str, dict[str, float]]:
    """Compute the AP for each value of WIDER FACE's attributes.

    Faces of other values are ignored.  All false positives count, so rare
    values have a lower AP: compare detectors, not attributes.

    Args:
        evaluation (FaceEvaluation): Of a set.
        setting (str): One of its settings.

    Returns:
        dict[str, dict[str, float]]: AP by attribute and value, without values
        that have no faces and unknown attributes.
    """
    truth = evaluation.ground_truth
    target = truth.settings[setting]
    result: dict[str, dict[str, float]] = {}
    for attribute, values in truth.attributes.items():
        for value, name in enumerate(ATTRIBUTE_NAMES[attribute]):
            counts = target.counts & (values == value)
            if counts.any():
                curve = pr_curve(evaluation.matches[setting], counts)
                result.setdefault(attribute, {})[name] = curve.ap
    return result


def bootstrap_ap(
    evaluation: FaceEvaluation,
    setting: str,
    num_samples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Estimate how much the AP depends on the choice of images.

    Images are drawn with replacement; scores keep the normalisation of the
    whole set.

    Args:
        evaluation (FaceEvaluation): Of a set.
        setting (str): One of its settings.
        num_samples (int): Sets to draw.
        level (float): Share of them that lies in the interval.
        seed (int): Of the drawing.

    Returns:
        tuple[float, float]: Ends of the interval.
    """
    target = evaluation.ground_truth.settings[setting]
    matches = evaluation.matches[setting]
    num_images = len(target.faces)
    image_of_face = np.repeat(np.arange(num_images), matches.num_faces)
    faces = np.bincount(image_of_face[target.counts], minlength=num_images)
    counted, finders = roles(matches, target.counts)

    def table(of: np.ndarray) -> np.ndarray:
        width = NUM_THRESHOLDS + 1
        cells = matches.image[of] * width + matches.step[of]
        counts = np.bincount(cells, minlength=num_images * width)
        return counts.reshape(num_images, width).astype(np.float32)

    proposals, found = table(counted), table(finders)
    rng = np.random.default_rng(seed)
    aps = []
    for start in range(0, num_samples, 100):  # bounds the memory
        size = min(100, num_samples - start)
        drawn = rng.integers(num_images, size=(size, num_images))
        times = np.zeros((size, num_images), np.float32)
        np.add.at(times, (np.arange(size)[:, None], drawn), 1)
        num_proposals = (times @ proposals)[:, :-1].cumsum(1, dtype=float)
        num_found = (times @ found)[:, :-1].cumsum(1, dtype=float)
        for sample in range(size):
            num_faces = times[sample] @ faces
            if num_faces:
                with np.errstate(invalid='ignore'):
                    precision = num_found[sample] / num_proposals[sample]
                recall = num_found[sample] / num_faces
                aps.append(average_precision(recall, precision))
    low, high = np.quantile(aps, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def worst_images(
    evaluation: FaceEvaluation, setting: str, num: int = 20
) -> tuple[float, list[WorstImage]]:
    """List the images with the most errors.

    Args:
        evaluation (FaceEvaluation): Of a set.
        setting (str): One of its settings.
        num (int): Images to list.

    Returns:
        tuple[float, list[WorstImage]]: Score of the best F1 over the whole
        set, and the images with errors at that score.
    """
    truth = evaluation.ground_truth
    target = truth.settings[setting]
    matches = evaluation.matches[setting]
    num_images = len(truth.names)
    image_of_face = np.repeat(np.arange(num_images), matches.num_faces)
    missed = np.bincount(image_of_face[target.counts], minlength=num_images)
    wrong = np.zeros(num_images, int)
    score, proposals, found = _by_score(matches, target.counts)
    least = np.inf
    if len(score):
        f1 = 2 * found / (proposals + target.counts.sum())
        f1[:-1][score[1:] == score[:-1]] = -1  # equal scores come together
        least = float(score[f1.argmax()])
        counted, finders = roles(matches, target.counts)
        taken = counted & (matches.score >= least)
        finders = finders[taken[finders]]
        hits = np.bincount(matches.image[finders], minlength=num_images)
        wrong = np.bincount(matches.image[taken], minlength=num_images) - hits
        missed = missed - hits
    order = np.argsort(-(missed + wrong), kind='stable')[:num]
    return least, [
        WorstImage(truth.names[i], int(missed[i]), int(wrong[i]))
        for i in order
        if missed[i] + wrong[i]
    ]
