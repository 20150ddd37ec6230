"""Names of results, so that files of one name stay apart."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

__all__ = ['root_labels', 'root_of', 'text_names']


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


def root_labels(roots: set[str]) -> dict[str, Path]:
    """Take as many last parts of each folder as tell it from the others.

    Args:
        roots (set[str]): Absolute paths or addresses of folders.

    Returns:
        dict[str, Path]: From a folder to its label; empty if it is the only
        one.
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


def text_names(files: Iterable[tuple[str, str]]) -> list[str]:
    """Name the text file of each photo, as ``mmsrn detect --wider`` does.

    Args:
        files (Iterable[tuple[str, str]]): Path, or address, of each photo,
            and the folder from which on it has its name.

    Returns:
        list[str]: Paths below the folder of results.  They have no suffix but
        where two photos differ by it alone.
    """
    files = list(files)
    labels = root_labels({root for _, root in files})
    places = [labels[r] / os.path.relpath(path, r) for path, r in files]
    bare = Counter(x.with_suffix('') for x in places)
    return [
        str(x.with_suffix('') if bare[x.with_suffix('')] == 1 else x)
        for x in places
    ]
