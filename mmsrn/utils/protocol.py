"""Descriptions of test protocols, printed beside numbers."""

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
    """Describe the protocols of a test in one text.

    Args:
        protocols (Iterable[str]): Those of its images.
        deviating (int): Images tested in another way, for instance in tiles.
        images (int): All images.
        padded (int): Images that were padded to others of their batch, which
            changes what a detector finds at their edges.

    Returns:
        str: Such as ``'V: long side 640, single scale'``.

    Example:
        >>> describe_protocol(['O', 'V', 'O'], 2, 30)
        'O and V; different in 2 of 30 images because memory ran out'
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
