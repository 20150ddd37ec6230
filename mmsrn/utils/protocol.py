"""Under which protocol images were tested, in the words beside numbers."""

from __future__ import annotations

from collections.abc import Iterable

#: Of images whose pipeline names no protocol.
UNNAMED = 'unnamed'


def describe_protocol(
    protocols: Iterable[str],
    deviating: int = 0,
    images: int = 0,
    padded: int = 0,
) -> str:
    """Put the protocols of a test into one text.

    Args:
        protocols (Iterable[str]): Those of its images.
        deviating (int): Images tested other than that, in tiles for instance.
        images (int): All images.
        padded (int): Images that were padded to others of their batch, which
            changes what a detector finds at their edges.

    Returns:
        str: Such as ``'V: long side 640, single scale'``.

    Example:
        >>> describe_protocol(['O', 'V', 'O'], 2, 30)
        'O and V; other than that in 2 of 30 images, for want of memory'
    """
    text = ' and '.join(sorted(set(protocols)))
    if deviating:
        text += (
            f'; different in {deviating} of {images} images because memory '
            'ran out'
        )
    if padded:
        text += f'; {padded} of {images} images padded to the size of a batch'
    return text
