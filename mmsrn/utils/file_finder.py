"""Find the files of a data set by the names in lists and annotations."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PureWindowsPath

from mmsrn.utils.folder_tree import find_files

__all__ = ['FileFinder']


class FileFinder:
    """Finds files below a folder.

    Names may have backslashes, folders that are not there, another suffix or
    none, and composed or decomposed letters.  The folder is looked through
    once, when the first file is asked for.

    Args:
        folder (str | Path): Where to look; nothing is found if it is missing.
        suffixes (Sequence[str]): Of the files, in small letters.
        of_names (Sequence[str]): What names may end in instead.
    """

    def __init__(
        self,
        folder: str | Path,
        suffixes: Sequence[str],
        of_names: Sequence[str] = (),
    ) -> None:
        self.folder = Path(folder)
        self.suffixes = tuple(suffixes)
        self._of_names = (*suffixes, *of_names)

    @cached_property
    def _index(self) -> dict[str, list[str]]:
        """Paths below the folder by path, by path without suffix, and by
        both without folders."""
        found = defaultdict(list)
        if self.folder.is_dir():
            for path in find_files(self.folder):
                if path.suffix.lower() not in self.suffixes:
                    continue
                keys = {str(path), str(path.with_suffix(''))}
                # The names alone are keys of their own kind.
                keys |= {f'/{path.name}', f'/{path.stem}'}
                for key in keys:
                    found[unicodedata.normalize('NFC', key)].append(str(path))
        return found

    def find(self, name: str) -> list[str]:
        """Find the files that a name may mean.

        Args:
            name (str): With or without folders and suffix.

        Returns:
            list[str]: Paths below the folder: one if the name is plain,
            several if it has no suffix, or no folder, and more than one file
            is called so; none if there is no such file.
        """
        name = unicodedata.normalize('NFC', name)
        # Of a Windows path every part counts, whatever the slashes.
        parts = [x for x in PureWindowsPath(name).parts if x != '.']
        for start in range(len(parts)):
            tail = '/'.join(parts[start:])
            for key in (tail, self.stem(tail)):
                if key in self._index:
                    return self._index[key]
        last = parts[-1] if parts else ''
        for key in (f'/{last}', f'/{self.stem(last)}'):
            if key in self._index:
                return self._index[key]
        return []

    def stem(self, name: str) -> str:
        """The name without a suffix that is one of a file."""
        head, dot, tail = name.rpartition('.')
        known = dot and f'.{tail.lower()}' in self._of_names
        return head if known else name
