"""Messages and names, made fit for one line."""

import unicodedata

# Controls, halves of characters, ends of lines and paragraphs.
_BREAKING = {'Cc', 'Cs', 'Zl', 'Zp'}


def one_line(text: object, most: int = 300) -> str:
    """Put a message into one line of bounded length.

    Args:
        text (object): The message, or the exception.
        most (int): Characters to keep.

    Returns:
        str: The line, which ends in ``...`` if it was cut.

    Example:
        >>> one_line('no such\n  file', most=6)
        'no suc...'
    """
    line = ' '.join(str(text).split())
    return f'{line[:most]}...' if len(line) > most else line


def printable(text: object) -> str:
    r"""Escape what would break a line of output, or rule a terminal.

    Names of files may hold new lines, control characters, and bytes that are
    no text.

    Args:
        text (object): A message, with names.

    Returns:
        str: It, in one line.

    Example:
        >>> print(printable('a\nb.jpg'))
        a\nb.jpg
    """
    return ''.join(
        x.encode('unicode_escape').decode()
        if unicodedata.category(x) in _BREAKING
        else x
        for x in str(text)
    )
