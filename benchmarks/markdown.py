"""Tables in Markdown, for the terminal and for pages."""

from __future__ import annotations

from collections.abc import Sequence


def markdown(
    head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1
) -> str:
    """Lay a table out.

    Args:
        head (Sequence[str]): Titles of the columns.
        rows (Sequence[Sequence[str]]): Cells, as many in each row.
        left (int): So many columns, the first ones, are flush left.

    Returns:
        str: Lines of one width.
    """
    widths = [max(3, *map(len, column)) for column in zip(head, *rows)]
    lines = [
        [
            *map(str.ljust, row[:left], widths),
            *map(str.rjust, row[left:], widths[left:]),
        ]
        for row in (head, *rows)
    ]
    lines.insert(1, ['-' * x for x in widths])
    return '\n'.join(f'| {" | ".join(x)} |' for x in lines)
