"""Names of images in all spellings of files and datasets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

__all__ = ['ImageNames']


class ImageNames:
    """Finds the names of a set from paths and other spellings.

    Args:
        names (Sequence[str]): Names of the set: ``event/image`` or ``image``,
            without suffix.

    Example:
        >>> names = ImageNames(['0--Parade/0_Parade_marchingband_1_20'])
        >>> names.find('/data/images/0_Parade_marchingband_1_20.jpg')
        '0--Parade/0_Parade_marchingband_1_20'
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = set(names)
        # Two or more: images of one name, which folders tell apart.
        self._by_last: dict[str, list[str]] = {}
        for name in names:
            self._by_last.setdefault(name.rpartition('/')[2], []).append(name)

    def find(self, path: str) -> str | None:
        """Find the image of a path.

        Args:
            path (str): With or without folders and suffix.

        Returns:
            str, optional: Its name in the set; None if it is not there.
        """
        path = path.replace('\\', '/')
        for whole in (path, _without_suffix(path)):
            for name in (whole, '/'.join(whole.split('/')[-2:])):
                if name in self._names:
                    return name
            last = self._by_last.get(whole.rpartition('/')[2], ())
            if len(last) == 1:
                return last[0]
        return None

    def clash(self, path: str) -> list[str]:
        """Find the images that an ambiguous path may mean.

        Args:
            path (str): See :meth:`find`.

        Returns:
            list[str]: Their names in the set; empty if there is none.
        """
        path = path.replace('\\', '/')
        for whole in (path, _without_suffix(path)):
            last = self._by_last.get(whole.rpartition('/')[2], [])
            if len(last) > 1:
                return last
        return []


def _without_suffix(path: str) -> str:
    suffix = PurePosixPath(path).suffix
    return path[: -len(suffix)] if suffix else path
