"""Folders that results have their names from, and short names of them."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

__all__ = ['labels_of', 'root_of', 'without_suffixes']


def root_of(text: str) -> str:
    """Tell from which folder on the files of an argument have their names.

    Args:
        text (str): A file, a folder or a pattern.

    Returns:
        str: The absolute path of the folder; of a pattern that of the part
        before the first sign with a meaning.
    """
    if os.path.isdir(text):
        return os.path.abspath(text)
    if glob.has_magic(text) and not os.path.lexists(text):
        plain = Path(text).parts
        steps = next(i for i, x in enumerate(plain) if glob.has_magic(x))
        return os.path.abspath(os.path.join(*plain[:steps], ''))
    return os.path.dirname(os.path.abspath(text))


def labels_of(roots: set[str]) -> dict[str, Path]:
    """Name folders by as many last parts as tell them from each other.

    Args:
        roots (set[str]): Absolute paths.

    Returns:
        dict[str, Path]: Relative path of each; empty of a single one.

    Example:
        >>> labels = labels_of({'/cam/1/images', '/cam/2/images'})
        >>> sorted(map(str, labels.values()))
        ['1/images', '2/images']
    """
    if len(roots) == 1:
        return dict.fromkeys(roots, Path())
    parts = {root: Path(root).parts[1:] for root in roots}
    labels = {}
    for root, own in parts.items():
        others = [x for name, x in parts.items() if name != root]
        depth = 1
        while depth < len(own) and any(
            x[-depth:] == own[-depth:] for x in others
        ):
            depth += 1
        labels[root] = Path(*own[-depth:])
    return labels


def without_suffixes(places: Iterable[Path]) -> list[Path]:
    """Drop suffixes, but where files differ by them alone.

    Args:
        places (Iterable[Path]): Paths of files.

    Returns:
        list[Path]: In the same order, each different from all others if the
        paths are.

    Example:
        >>> names = without_suffixes(map(Path, ('a.jpg', 'b.jpg', 'b.png')))
        >>> [str(x) for x in names]
        ['a', 'b.jpg', 'b.png']
    """
    places = list(places)
    bare = Counter(x.with_suffix('') for x in places)
    return [
        x.with_suffix('') if bare[x.with_suffix('')] == 1 else x
        for x in places
    ]
