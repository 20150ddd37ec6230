"""Text files of other people, in the encodings that their tools write."""

from __future__ import annotations

import codecs

__all__ = ['decode_text']


def decode_text(data: bytes) -> str:
    """Decode a text file.

    Args:
        data (bytes): Its content: UTF-8 with or without a mark, or UTF-16
            with its mark, as PowerShell writes it.

    Returns:
        str: The text, without the mark.

    Raises:
        UnicodeDecodeError: If it is neither.

    Example:
        >>> decode_text('a.jpg'.encode('utf-16'))
        'a.jpg'
    """
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode('utf-16' if wide else 'utf-8-sig')
