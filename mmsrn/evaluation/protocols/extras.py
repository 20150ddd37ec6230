"""The analyses by name, as flat numbers for logs and tables."""

from __future__ import annotations

from collections.abc import Iterable

from .analysis import (
    ap_by_attribute,
    ap_by_height,
    ap_by_iou,
    bootstrap_ap,
    false_positives_at_recall,
)
from .face_protocol import FaceEvaluation

__all__ = ['EXTRAS', 'check_extras', 'extra_numbers']

#: Analyses and what they are, for help texts.
EXTRAS = {
    'iou': 'AP at overlaps of 0.5 to 0.95',
    'fp': 'false positives at recalls of 10 to 95 %',
    'height': 'AP by face height',
    'attribute': 'AP by WIDER FACE attribute',
    'bootstrap': '95 % interval of the AP over drawn sets of images',
    'worst': 'the images with the most errors',
}


def check_extras(extras: str | Iterable[str]) -> tuple[str, ...]:
    """Check names of analyses.

    Args:
        extras (str | Iterable[str]): Names in :data:`EXTRAS`, or ``'all'``.

    Returns:
        tuple[str, ...]: The names.

    Raises:
        ValueError: If one is unknown.
    """
    names = (extras,) if isinstance(extras, str) else tuple(extras)
    if 'all' in names:
        return tuple(EXTRAS)
    unknown = [name for name in names if name not in EXTRAS]
    if unknown:
        raise ValueError(
            f'unknown analysis {unknown[0]!r}; there are '
            f'{", ".join(EXTRAS)} and all'
        )
    return names


def extra_numbers(
    evaluation: FaceEvaluation, extras: Iterable[str]
) -> dict[str, float | None]:
    """Compute the analyses that give numbers.

    All but the intervals concern the setting with the most faces, ``hard`` in
    WIDER FACE.

    Args:
        evaluation (FaceEvaluation): Of a set.
        extras (Iterable[str]): Names in :data:`EXTRAS`; ``'worst'``, which
            gives a list, is skipped.

    Returns:
        dict[str, float | None]: Such as ``hard_iou75``, ``hard_fp@90`` (None
        if that recall is not reached), ``hard_height_8-16``,
        ``hard_blur_heavy``, ``hard_low`` and ``hard_high``.
    """
    last = list(evaluation.curves)[-1]
    numbers: dict[str, float | None] = {}
    if 'iou' in extras:
        for iou, ap in ap_by_iou(evaluation, last).items():
            numbers[f'{last}_iou{100 * iou:.0f}'] = ap
    if 'fp' in extras:
        found = false_positives_at_recall(evaluation, last)
        for recall, number in found.items():
            numbers[f'{last}_fp@{100 * recall:.0f}'] = number
    if 'height' in extras:
        for band, ap in ap_by_height(evaluation, last).items():
            numbers[f'{last}_height_{band}'] = ap
    if 'attribute' in extras:
        for attribute, values in ap_by_attribute(evaluation, last).items():
            for value, ap in values.items():
                numbers[f'{last}_{attribute}_{value}'] = ap
    if 'bootstrap' in extras:
        for setting in evaluation.curves:
            low, high = bootstrap_ap(evaluation, setting)
            numbers[f'{setting}_low'] = low
            numbers[f'{setting}_high'] = high
    return numbers
