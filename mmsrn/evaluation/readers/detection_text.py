"""One file of detections, read as the published MATLAB tools read it."""

from __future__ import annotations

import math
import re
from itertools import chain
from typing import NamedTuple

import numpy as np

from .errors import AnnotationError

__all__ = ['DetectionFile', 'is_detection', 'parse_detections']

_NUMBER = re.compile(
    rb'[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eEdD][+-]?[0-9]+)?'
    rb'|nan|NaN|inf|Inf)'
)
_PLAIN = b'0123456789+-.eE \tnaifNI'
_NUM_VALUES = 5
_MOST_CHARACTERS = 1000  # of a line with five numbers


class DetectionFile(NamedTuple):
    """What a file of detections holds.

    Attributes:
        rows (np.ndarray): (n, 5) float64, four numbers of a box and a score,
            in the order of the file.
        problem (str): Why the published tool skips the file as invalid, with
            file and line; then there are no rows.
        remark (str): What the published tool does not read, with file and
            line.
    """

    rows: np.ndarray
    problem: str = ''
    remark: str = ''


class _Invalid(Exception):
    """The published tool catches an error here."""


def parse_detections(
    data: bytes, where: str, header: bool = True
) -> DetectionFile:
    """Read one file.

    Numbers may be separated by blanks or commas; ``nan`` and ``inf`` are
    numbers.  The name in the first line is not checked.

    Args:
        data (bytes): Its content, with any line ends.
        where (str): Its path, for messages.
        header (bool): Whether a line for the name and one with the number of
            detections come first, as in WIDER FACE, or none, as in DARK FACE.

    Returns:
        DetectionFile: The detections.

    Raises:
        AnnotationError: If a line has anything but plain numbers, for which
            the published tool's answer is not certain.
    """
    lines = data.splitlines()
    try:
        start, count = _extent(lines, where) if header else (0, len(lines))
        rows, remark = _read(lines, start, count, where)
    except _Invalid as invalid:
        return DetectionFile(np.empty((0, 5)), problem=str(invalid))
    rest = lines[start + count :]
    if not remark and any(line.strip() for line in rest):
        remark = (
            f'{where}:{start + count + 1}: a line after the last of {count}'
        )
    return DetectionFile(rows, remark=remark)


def _extent(lines: list[bytes], where: str) -> tuple[int, int]:
    """First line of the detections, from 0, and how many there are."""
    if len(lines) < 2:
        what = 'ends before the number of detections' if lines else 'is empty'
        raise _Invalid(f'{where}:{max(len(lines), 1)}: the file {what}')
    text = lines[1].strip()
    if not text:
        raise _Invalid(f'{where}:2: the number of detections is missing')
    if not _NUMBER.fullmatch(text):
        _refuse(lines[1], f'{where}:2', 'the number of detections')
    value = _float(text)
    if not (math.isfinite(value) and value == int(value) and value >= 0):
        raise _Invalid(
            f'{where}:2: {text[:60].decode()} is no number of detections'
        )
    count = int(value)
    if count > len(lines) - 2:
        raise _Invalid(
            f'{where}:2: {text[:60].decode()} detections announced, '
            f'{len(lines) - 2} lines follow'
        )
    return 2, count


def _read(
    lines: list[bytes], start: int, count: int, where: str
) -> tuple[np.ndarray, str]:
    """Read the detections, by the fast way if all is as it should be."""
    wanted = lines[start : start + count]
    if not b''.join(wanted).translate(None, _PLAIN):
        parts = [line.split() for line in wanted]
        if all(len(part) == _NUM_VALUES for part in parts):
            try:
                values = list(map(float, chain.from_iterable(parts)))
            except ValueError:
                values = [math.nan]
            # NaN and its spellings are left to the slow way.
            if all(map(math.isfinite, values)):
                return np.array(values).reshape(-1, 5), ''
    return _read_slowly(wanted, start, where)


def _read_slowly(
    wanted: list[bytes], start: int, where: str
) -> tuple[np.ndarray, str]:
    rows = []
    remark = ''
    for number, line in enumerate(wanted, start + 1):
        place = f'{where}:{number}'
        if not line.strip():
            raise _Invalid(f'{place}: the line is empty')
        words = _words(line)
        if not words or not all(map(_NUMBER.fullmatch, words)):
            _refuse(
                line, place, 'x y w h score' if start else 'x1 y1 x2 y2 score'
            )
        values = [_float(x) for x in words]
        if len(values) < _NUM_VALUES:
            raise _Invalid(
                f'{place}: {len(values)} of {_NUM_VALUES} numbers found'
            )
        if len(values) > _NUM_VALUES and not remark:
            remark = f'{place}: {len(values)} numbers, only five are read'
        rows.append(values[:_NUM_VALUES])
    return np.array(rows, np.float64).reshape(-1, 5), remark


def is_detection(line: bytes) -> bool:
    """Tell a line of a detection from a name or a count.

    Args:
        line (bytes): A line of a file.

    Returns:
        bool: Whether it is five numbers.
    """
    words = _words(line[:_MOST_CHARACTERS])
    return len(words) == _NUM_VALUES and all(map(_NUMBER.fullmatch, words))


def _words(line: bytes) -> list[bytes]:
    """What stands between blanks, or single commas; none if that is odd.

    One comma or semicolon may end the line.
    """
    line = line.replace(b'\t', b' ').strip(b' ')
    if line.endswith((b',', b';')):
        line = line[:-1]
    words = []
    for cell in line.split(b','):
        found = [x for x in cell.split(b' ') if x]
        if not found:
            return []
        words += found
    return words


def _float(text: bytes) -> float:
    return float(text.replace(b'd', b'e').replace(b'D', b'e'))


def _refuse(line: bytes, place: str, wanted: str) -> None:
    shown = line[:60].decode('latin-1')
    raise AnnotationError(f'{place}: expected {wanted}, found {shown!r}')
