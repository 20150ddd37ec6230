"""Files that a visitor's browser is shown, few at a time."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict, deque
from pathlib import Path

import cv2
import numpy as np

__all__ = ['SessionFiles']

#: Results that stay: a browser may still be loading the last but one.
_KEPT = 2


class SessionFiles:
    """A folder for the results of one photo.

    Of each kind only the last ones are kept, however often a slider moves.

    Args:
        parent (str | Path): Folder of all sessions.
    """

    def __init__(self, parent: str | Path) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=parent))
        self._steps: dict[str, deque[Path]] = defaultdict(deque)

    def path(self, name: str) -> Path:
        """Make place for a file.

        Args:
            name (str): Its name, which is its kind too.

        Returns:
            Path: A new one, in a folder of its own.
        """
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        steps = self._steps[name]
        steps.append(folder)
        while len(steps) > _KEPT:
            shutil.rmtree(steps.popleft(), ignore_errors=True)
        return folder / name

    def picture(self, name: str, pixels: np.ndarray) -> str:
        """Write a picture.

        Args:
            name (str): Name of the file, ``.jpg`` or ``.png``.
            pixels (np.ndarray): RGB uint8 (h, w, 3).

        Returns:
            str: Its path.
        """
        path = self.path(name)
        _, data = cv2.imencode(path.suffix, pixels[..., ::-1])
        path.write_bytes(data.tobytes())
        return str(path)

    def remove(self) -> None:
        """Remove all."""
        shutil.rmtree(self.folder, ignore_errors=True)
