"""Messages of exceptions, made fit for one line."""


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
