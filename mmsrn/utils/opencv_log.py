"""The log level of OpenCV, whose functions move between its versions."""

from __future__ import annotations

import cv2

_LOG = cv2 if hasattr(cv2, 'setLogLevel') else cv2.utils.logging


def set_log_level(level: int) -> int:
    """Set the log level of OpenCV.

    Args:
        level (int): The new level; 0 is silent.

    Returns:
        int: The former level.
    """
    former = _LOG.getLogLevel()
    _LOG.setLogLevel(level)
    return former
