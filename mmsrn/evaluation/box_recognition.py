"""Recognise the form of boxes that match hardly any face."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from mmsrn.structures.face_set import FaceSet, FaceSetting

from .box_formats import FORMS, BoxFormat, Rows, Sizes, to_protocol
from .protocols import FaceProtocol
from .protocols.overlaps import face_overlaps

__all__ = ['recognise']

# Most images that a form is tried on.
_TRIED = 300
# Scales of resized images that are tried: 0.2 to 5, in steps of 4 %.
_SCALES = np.geomspace(0.2, 5, 83)
_ALMOST_NOTHING = 0.01  # an AP
_ALL = 0.99  # nearly: one odd number proves nothing


def recognise(
    found: Rows,
    given: BoxFormat,
    truth: FaceSet,
    protocol: FaceProtocol,
    ap: float,
    sizes: Sizes,
) -> str:
    """Name the form that boxes seem to have if they match hardly any face.

    Args:
        found (Mapping[str, np.ndarray]): Image to (n, 5), as read.
        given (BoxFormat): The form that was assumed.
        truth (FaceSet): The faces.
        protocol (FaceProtocol): Of the evaluation.
        ap (float): AP of the last setting with that form.
        sizes (Mapping[str, tuple[int, int]]): Of the images; may be empty.

    Returns:
        str: The form and the option that reads it; if none fits, that they
        match nothing, or an empty text if they match a little.
    """
    found = {k: x for k, x in found.items() if len(x)}
    found = {k: found[k] for k in truth.names if k in found}
    if not found:
        return ''
    flat = np.concatenate(list(found.values()))
    flat = flat[np.isfinite(flat).all(1)]
    if not len(flat):
        return ''
    some = _subset(truth, list(found)[:: -(-len(found) // _TRIED)])
    if not any(x.counts.any() for x in some.settings.values()):
        return ''
    before, behind = (_are_shares(flat[:, x : x + 4]) for x in (1, 0))
    shares = before or behind
    first = _is_score_first(flat)
    if shares:
        # Scores may be shares of a hundred, or look like any other share.
        falling = _is_falling(found, 0) and not _is_falling(found, 4)
        first = not behind or (before and falling)
    if shares and not sizes:
        options = [
            str(BoxFormat(form, first, True))
            for form in _forms_of_shares(flat[:, 1:] if first else flat)
        ]
        return (
            'the boxes seem to be shares of the image size: --box-format '
            f'{" or ".join(options)} with --images FOLDER reads them'
        )
    best, option = 0.0, None
    # Scores of a hundred look like any pixel.
    orders = (first,) if shares or first else (False, True)
    for order, form in product(orders, FORMS):
        tried = BoxFormat(form, order, shares)
        if tried != given:
            turned = to_protocol(found, tried, protocol, sizes)
            value = list(protocol.evaluate(turned, some).ap.values())[-1]
            if value > best:
                best, option = value, tried
    if option is not None and best >= max(0.05, 3 * ap):
        turned = to_protocol(found, option, protocol, sizes)
        setting, value = list(protocol.evaluate(turned, truth).ap.items())[-1]
        return _told(option, protocol, setting, value)
    if not shares and (told := _resized(found, first, some, sizes)):
        return told
    if ap >= _ALMOST_NOTHING:
        return ''
    return (
        f'AP is {ap:.4f}: hardly any box lies on a face; are these results '
        'of this set, and boxes in pixels of the original images? See '
        '--box-format'
    )


def _told(
    option: BoxFormat, protocol: FaceProtocol, setting: str, value: float
) -> str:
    wanted = FORMS['xyxy' if protocol.corners else 'xywh']
    seem = FORMS[option.form]
    if option.shares:
        seem += ' in shares of the image size'
    if option.score_first:
        seem += ' behind the score'
    images = ' --images FOLDER' if option.needs_sizes else ''
    return (
        f'the boxes seem to be {seem}, but this layout has {wanted}: turned '
        f'into that, {setting} would be {value:.4f}; --box-format '
        f'{option}{images} reads them'
    )


def _are_shares(boxes: np.ndarray) -> bool:
    """Whether nearly all boxes are within 0 and 1, and have an area."""
    inside = (boxes >= -0.1) & (boxes <= 1.1)
    sides = boxes[:, 2:] > 0
    return bool(np.mean(inside.all(1) & sides.all(1)) >= _ALL)


def _is_score_first(flat: np.ndarray) -> bool:
    """Whether the first column holds scores, and the last one pixels."""
    first, last = flat[:, 0], flat[:, 4]
    inside = (first >= 0) & (first <= 1)
    return bool(inside.mean() >= _ALL and np.mean(last > 1) > 0.5)


def _is_falling(found: Rows, column: int) -> bool:
    """Whether a column falls in each image, as scores mostly do."""
    columns = [x[:, column] for x in found.values() if len(x) > 1]
    falling = [np.all(np.diff(x) <= 0) for x in columns]
    return bool(falling) and np.mean(falling) >= 0.9


def _forms_of_shares(boxes: np.ndarray) -> list[str]:
    """Forms in which nearly all boxes lie inside their image."""
    x, y, a, b = boxes[:, :4].T
    most = 1.02
    inside = {
        'xywh': (x + a <= most) & (y + b <= most),
        'cxcywh': (np.minimum(x - a / 2, y - b / 2) >= 1 - most)
        & (np.maximum(x + a / 2, y + b / 2) <= most),
        'xyxy': (a > x) & (b > y),
    }
    forms = [form for form, x in inside.items() if x.mean() >= _ALL]
    return forms or list(FORMS)


def _subset(truth: FaceSet, names: Sequence[str]) -> FaceSet:
    """The last setting of a set, for some of its images."""
    *_, (key, setting) = truth.settings.items()
    wanted = set(names)
    ends = np.cumsum([len(x) for x in setting.faces])
    picked = [i for i, name in enumerate(truth.names) if name in wanted]
    faces = [setting.faces[i] for i in picked]
    counts = [
        setting.counts[ends[i] - len(setting.faces[i]) : ends[i]]
        for i in picked
    ]
    flat = np.concatenate([np.zeros(0, bool), *counts])
    return FaceSet(
        [truth.names[i] for i in picked], {key: FaceSetting(faces, flat)}
    )


def _resized(found: Rows, first: bool, some: FaceSet, sizes: Sizes) -> str:
    """Look for a scale of each image at which boxes are faces."""
    (setting,) = some.settings.values()
    faces = dict(zip(some.names, setting.faces))
    total = sum(map(len, faces.values()))
    best: tuple[float, str, list[float]] = (0.0, '', [])
    for form in FORMS:
        matched, sides = 0, []
        for name, boxes in faces.items():
            rows = BoxFormat(form, first).corners(found[name])
            rows = rows[np.argsort(-rows[:, 4], kind='stable')][
                : 2 * len(boxes)
            ]
            hits = [_hits(rows[:, :4] / x, boxes) for x in _SCALES]
            matched += max(hits)
            if max(hits) and name in sizes:
                scale = np.median(_SCALES[np.array(hits) == max(hits)])
                sides.append(scale * max(sizes[name]))
        best = max(best, (matched / max(total, 1), form, sides))
    share, form, sides = best
    if share < 0.5:
        return ''
    option = f'{BoxFormat(form, first)}-longN'
    side = 'N being the longer side that they were resized to'
    if sides:
        side += f', about {np.median(sides):.0f}'
    return (
        f'the boxes seem to be pixels of resized images ({FORMS[form]}): each '
        f'image has a scale at which {share:.0%} of the faces are found; '
        f'--box-format {option} --images FOLDER reads them, {side}'
    )


def _hits(boxes: np.ndarray, faces: np.ndarray) -> int:
    """Faces that a box overlaps by half."""
    if not len(boxes) or not len(faces):
        return 0
    overlaps = face_overlaps(boxes, np.asarray(faces, np.float64))
    with np.errstate(invalid='ignore'):
        return int((overlaps >= 0.5).any(0).sum())
