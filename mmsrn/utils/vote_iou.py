"""The range of the setting that switches box voting on."""

from __future__ import annotations

from numbers import Real
from typing import Any

__all__ = ['check_vote_iou']


def check_vote_iou(value: Any) -> None:
    """Check the IoU from which a candidate votes for a box.

    Args:
        value (Any): It; None for no voting.

    Raises:
        ValueError: If it is neither None nor a number in (0, 1].
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if value is not None and not (is_number and 0 < value <= 1):
        raise ValueError(
            f'vote_iou={value!r} must be None or above 0 and up to 1, such as '
            '0.7'
        )
