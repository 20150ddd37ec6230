"""The published face evaluation, step by step and loop by loop.

Nothing here is shared with ``mmsrn.evaluation``: it is what that is tested
against and compared with for time.  MATLAB's rules are spelt out: which type
an operation has, what it does with NaN, how it sorts and rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ['eval_by_loops', 'read_by_loops']

_SINGLE = np.finfo(np.float32)


def read_by_loops(path: str) -> np.ndarray:
    """Read a well-formed file of the WIDER FACE layout line by line.

    Args:
        path (str): The file.

    Returns:
        np.ndarray: (n, 5) x y w h score.
    """
    with open(path, encoding='latin-1') as file:
        lines = [line.strip() for line in file]
    rows = np.zeros((int(lines[1]), 5))
    for k in range(len(rows)):
        numbers = [float(x) for x in lines[k + 2].split()]
        for i in range(5):
            rows[k, i] = numbers[i]
    return rows


def eval_by_loops(
    predictions: Sequence[np.ndarray],
    faces: Sequence[np.ndarray],
    settings: Mapping[str, Sequence[np.ndarray]],
    corners: bool = False,
) -> dict[str, float]:
    """Compute the average precision of every setting.

    Args:
        predictions (Sequence[np.ndarray]): For each image (n, 5) in the order
            of the file: x y w h score, with ``corners`` x1 y1 x2 y2 score.
        faces (Sequence[np.ndarray]): For each image (k, 4), boxes in the same
            form, int32 or float64.
        settings (Mapping[str, Sequence[np.ndarray]]): For each image the
            indices, from 0, of the faces that count.
        corners (bool): Whether to compute as the DARK FACE tool: with
            corners, and with a rule for scores that are all equal.

    Returns:
        dict[str, float]: AP by setting.
    """
    ordered = [_sorted(rows) for rows in predictions]
    normalized = _normalized(ordered, corners)
    result = {}
    for name, indices in settings.items():
        curve = np.zeros((1000, 2))
        count_face = 0
        for rows, boxes, keep in zip(normalized, faces, indices):
            count_face += len(keep)
            if not len(boxes) or not len(rows):
                continue
            recalled, proposals = _walk(rows, boxes, keep, corners)
            curve += _at_thresholds(rows[:, 4], recalled, proposals)
        with np.errstate(all='ignore'):
            precision = curve[:, 1] / curve[:, 0]
            recall = curve[:, 1] / count_face
        result[name] = _voc(recall, precision)
    return result


def _sorted(rows: np.ndarray) -> np.ndarray:
    """By falling score: NaN first, equals in the order they had."""
    order = sorted(
        range(len(rows)),
        key=lambda i: (0, 0.0) if np.isnan(rows[i, 4]) else (1, -rows[i, 4]),
    )
    return rows[order]


def _normalized(rows: list[np.ndarray], corners: bool) -> list[np.ndarray]:
    """Normalise over the whole set; a single makes the others single."""
    highest, lowest = _SINGLE.tiny, _SINGLE.max
    result = []
    with np.errstate(all='ignore'):
        for image in rows:
            for score in image[:, 4]:
                single = np.float32(score)
                if single > highest:  # never so for NaN
                    highest = single
                if single < lowest:
                    lowest = single
        for image in rows:
            image = image.copy()
            for i, score in enumerate(image[:, 4]):
                single = np.float32(score)
                if corners and highest == lowest:
                    image[i, 4] = single - (lowest - np.float32(1))
                else:
                    image[i, 4] = (single - lowest) / (highest - lowest)
            result.append(image)
    return result


def _walk(
    rows: np.ndarray, boxes: np.ndarray, keep: np.ndarray, corners: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Go through the predictions of an image from the best to the worst."""
    boxes = [_corner_form(box, corners) for box in boxes]
    counting = np.zeros(len(boxes), bool)
    counting[keep] = True
    state = np.zeros(len(boxes))  # 1: found, -1: an ignored face was hit
    proposals = np.ones(len(rows))
    recalled = np.zeros(len(rows))
    for h, row in enumerate(rows):
        b = [float(x) for x in row[:4]]
        if not corners:
            b[2] = b[0] + b[2]
            b[3] = b[1] + b[3]
        largest, index = -np.inf, 0
        for j, box in enumerate(boxes):
            overlap = _overlap(box, b)
            if overlap > largest:  # so the first of equals; never so for NaN
                largest, index = overlap, j
        if largest >= 0.5:
            if not counting[index]:
                state[index] = -1
                proposals[h] = -1
            elif state[index] == 0:
                state[index] = 1
        recalled[h] = np.count_nonzero(state == 1)
    return recalled, proposals


def _corner_form(box: np.ndarray, corners: bool) -> list:
    """Corners of a face; integers of the class int32 stay integers."""
    if box.dtype.kind == 'i':
        x, y, w, h = (int(v) for v in box)
        return [x, y, _int32(x + w), _int32(y + h)]
    x, y, w, h = (float(v) for v in box)
    return [x, y, w, h] if corners else [x, y, x + w, y + h]


def _int32(value: float) -> int:
    """Convert to MATLAB's int32: nearest, halves away from 0, NaN to 0."""
    if value != value:
        return 0
    if abs(value) >= 2**31:
        return 2**31 - 1 if value > 0 else -(2**31)
    whole = int(value)
    if abs(value - whole) >= 0.5:
        whole += 1 if value > 0 else -1
    return min(max(whole, -(2**31)), 2**31 - 1)


def _overlap(face: list, b: list[float]) -> float:
    if isinstance(face[0], int):
        return _integer_overlap(face, b)
    with np.errstate(all='ignore'):
        # As MATLAB's min and max, which prefer a number to NaN.
        x1, y1 = np.fmax(face[0], b[0]), np.fmax(face[1], b[1])
        x2, y2 = np.fmin(face[2], b[2]), np.fmin(face[3], b[3])
        w, h = x2 - x1 + 1, y2 - y1 + 1
        both = w * h
        a1 = (face[2] - face[0] + 1) * (face[3] - face[1] + 1)
        a2 = (b[2] - b[0] + 1) * (b[3] - b[1] + 1)
        if w <= 0 or h <= 0:
            return 0.0
        return np.float64(both) / np.float64(a1 + a2 - both)


def _integer_overlap(face: list[int], b: list[float]) -> int:
    """Every single operation gives an int32, as it has one operand of it."""
    i = _int32
    x1, y1 = max(face[0], i(b[0])), max(face[1], i(b[1]))
    x2, y2 = min(face[2], i(b[2])), min(face[3], i(b[3]))
    w, h = i(i(x2 - x1) + 1), i(i(y2 - y1) + 1)
    both = i(w * h)
    a1 = i(i(i(face[2] - face[0]) + 1) * i(i(face[3] - face[1]) + 1))
    a2 = (b[2] - b[0] + 1) * (b[3] - b[1] + 1)  # of doubles, a double
    union = i(i(a1 + a2) - both)
    if w <= 0 or h <= 0:
        return 0
    if union == 0:
        return 0 if both == 0 else i(np.inf if both > 0 else -np.inf)
    return i(both / union)


def _at_thresholds(
    scores: np.ndarray, recalled: np.ndarray, proposals: np.ndarray
) -> np.ndarray:
    """Proposals and found faces of an image at each threshold."""
    counts = np.zeros((1000, 2))
    for t in range(1, 1001):
        reached = np.flatnonzero(scores >= 1 - t / 1000)
        if len(reached):
            last = reached[-1]
            counts[t - 1, 0] = np.count_nonzero(proposals[: last + 1] == 1)
            counts[t - 1, 1] = recalled[last]
    return counts


def _voc(recall: np.ndarray, precision: np.ndarray) -> float:
    recalls = [0.0, *recall, 1.0]
    precisions = [0.0, *precision, 0.0]
    for i in range(len(precisions) - 2, -1, -1):
        right = precisions[i + 1]
        if not precisions[i] >= right:  # NaN gives way
            precisions[i] = right
    ap = 0.0
    for i in range(1, len(recalls)):
        if recalls[i] != recalls[i - 1]:
            ap += (recalls[i] - recalls[i - 1]) * precisions[i]
    return float(ap)
