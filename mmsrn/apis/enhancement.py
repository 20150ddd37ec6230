"""Enhancement of dark photos before the detection."""

from __future__ import annotations

import difflib

import cv2
import numpy as np

__all__ = [
    'AUTO',
    'DARK',
    'brightness',
    'check_method',
    'enhance',
    'pick_method',
]

#: Let the brightness of a photo decide.
AUTO = 'auto'
#: A photo is dark if its brightness is less than this.  The model that ships
#: has seen darkness in training: on lighter photos, enhancement of any kind
#: costs it more than it brings.
DARK = 10
#: What dark photos get: the method that helps it most.
_METHOD = 'linear_gain'
#: Longer side, in pixels, of the reduced photo that is measured.
_MEASURED = 256


def check_method(method: str) -> None:
    """Check the name of an enhancement.

    Args:
        method (str): ``'none'``, ``'auto'`` or a method.

    Raises:
        ValueError: If the method is unknown.
    """
    if method in ('none', AUTO):
        return
    from mmsrn.enhance import METHODS

    if method not in METHODS:
        names = ['none', AUTO, *METHODS]
        close = difflib.get_close_matches(str(method), names, 1)
        hint = f'; did you mean {close[0]}?' if close else ''
        raise ValueError(
            f'enhance={method!r} is unknown; choose {", ".join(names)}{hint}'
        )


def brightness(photo: np.ndarray) -> float:
    """Measure how bright a photo is.

    Args:
        photo (np.ndarray): BGR uint8 (h, w, 3).

    Returns:
        float: Mean over all pixels of the largest of B, G and R, in [0, 255].
    """
    factor = _MEASURED / max(photo.shape[:2])
    if factor < 1:
        size = [max(round(x * factor), 1) for x in photo.shape[1::-1]]
        photo = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    return float(photo.max(axis=2).mean())


def pick_method(photo: np.ndarray) -> str:
    """Choose an enhancement for a photo.

    Args:
        photo (np.ndarray): BGR uint8 (h, w, 3).

    Returns:
        str: ``'linear_gain'`` if the photo's :func:`brightness` is less than
        :data:`DARK`, else ``'none'``.
    """
    return _METHOD if brightness(photo) < DARK else 'none'


def enhance(photo: np.ndarray, method: str) -> np.ndarray:
    """Enhance a photo.

    Args:
        photo (np.ndarray): BGR uint8 (h, w, 3).
        method (str): ``'none'`` or a method of ``mmsrn.enhance.METHODS``.

    Returns:
        np.ndarray: The enhanced photo, with the same shape and type.
    """
    if method == 'none':
        return photo
    # Not at the top: it needs SciPy, which takes half a second to import.
    from mmsrn.enhance import METHODS

    return METHODS[method](photo)
