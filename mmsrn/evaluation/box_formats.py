"""Other forms of boxes in result files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmsrn.utils.file_finder import FileFinder

from .protocols import FaceProtocol
from .readers import AnnotationError

__all__ = ['FORMS', 'BoxFormat', 'Rows', 'Sizes', 'read_sizes', 'to_protocol']

#: Forms of a box, and what people call them.
FORMS = {
    'xywh': 'x y w h',
    'xyxy': 'x1 y1 x2 y2',
    'cxcywh': 'the centre, w h',
}
_FORMAT = re.compile(
    r'(?P<first>score-)?(?P<form>xywh|xyxy|cxcywh)'
    r'(-(?P<shares>shares)|-long(?P<side>[0-9]{2,5}))?'
)

Sizes = Mapping[str, tuple[int, int]]
Rows = Mapping[str, np.ndarray]


class BoxFormat(NamedTuple):
    """Meaning of the five numbers of a detection.

    Attributes:
        form (str): Key of ``FORMS``.
        score_first (bool): Whether the score stands before the box.
        shares (bool): Whether coordinates are shares of the image's sides.
        side (int): Longer side of the resized image whose pixels they are; 0
            for the original image.
    """

    form: str
    score_first: bool = False
    shares: bool = False
    side: int = 0

    @classmethod
    def parse(cls, text: str) -> BoxFormat:
        """Read the name of a format.

        Args:
            text (str): ``xywh``, ``xyxy`` or ``cxcywh``, with ``score-``
                before it, ``-shares`` or ``-longN`` behind it.

        Returns:
            BoxFormat: The format.

        Raises:
            ValueError: If there is no such format.
        """
        match = _FORMAT.fullmatch(text)
        if match is None:
            raise ValueError(
                f'{text!r} is no format of boxes: it is xywh, xyxy or cxcywh, '
                'with score- before it if the score comes first, with -shares '
                'or -longN behind it if coordinates are shares of the image '
                'or pixels of one that was resized to a longer side of N'
            )
        return cls(
            match['form'],
            bool(match['first']),
            bool(match['shares']),
            int(match['side'] or 0),
        )

    def __str__(self) -> str:
        text = f'{"score-" * self.score_first}{self.form}'
        text += '-shares' * self.shares
        return f'{text}-long{self.side}' if self.side else text

    @property
    def needs_sizes(self) -> bool:
        """bool: Whether the sizes of the images must be known."""
        return self.shares or bool(self.side)

    def corners(
        self, rows: np.ndarray, size: tuple[int, int] | None = None
    ) -> np.ndarray:
        """Read rows of results.

        Args:
            rows (np.ndarray): (n, 5) float64.
            size (tuple[int, int], optional): Width and height of the image.

        Returns:
            np.ndarray: (n, 5), x1 y1 x2 y2 in pixels of the image, score.
        """
        rows = np.roll(rows, -1, axis=1) if self.score_first else rows.copy()
        if self.form == 'cxcywh':
            rows[:, :2] -= rows[:, 2:4] / 2
        if self.form != 'xyxy':
            rows[:, 2:4] += rows[:, :2]
        if self.shares:
            rows[:, :4] *= np.tile(size, 2)
        elif self.side:
            rows[:, :4] *= max(size) / self.side
        return rows


def to_protocol(
    found: Rows, given: BoxFormat, protocol: FaceProtocol, sizes: Sizes
) -> dict[str, np.ndarray]:
    """Convert results to the form of a protocol.

    Args:
        found (Mapping[str, np.ndarray]): Image to (n, 5).
        given (BoxFormat): How they are meant.
        protocol (FaceProtocol): Of the evaluation.
        sizes (Mapping[str, tuple[int, int]]): Of the images, if it needs
            them.

    Returns:
        dict[str, np.ndarray]: Image to (n, 5); unchanged to the last digit if
        the form is already that of the protocol.
    """
    if given == BoxFormat('xyxy' if protocol.corners else 'xywh'):
        return dict(found)
    turned = {}
    for name, rows in found.items():
        if given.needs_sizes and name not in sizes:
            continue
        corners = given.corners(rows, sizes.get(name))
        turned[name] = protocol.to_rows(corners[:, :4], corners[:, 4])
    return turned


def read_sizes(folder: str | Path, names: Sequence[str]) -> Sizes:
    """Read the sizes of images from their headers.

    Args:
        folder (str | Path): Where they lie.
        names (Sequence[str]): Of the ground truth, without suffix.

    Returns:
        dict[str, tuple[int, int]]: Width and height by name.

    Raises:
        AnnotationError: If an image is missing, or cannot be read.
    """
    # Evaluations without them need neither OpenCV nor PIL.
    from mmsrn.utils.image_files import IMAGE_SUFFIXES
    from mmsrn.utils.image_header import read_header

    finder = FileFinder(folder, IMAGE_SUFFIXES)
    sizes = {}
    for name in names:
        found = finder.find(name)
        if len(found) != 1:
            what = f'{len(found)} images' if found else 'no image'
            raise AnnotationError(f'{folder}: has {what} called {name}')
        path = Path(folder, found[0])
        try:
            sizes[name] = read_header(path).size
        except (OSError, ValueError) as error:
            raise AnnotationError(f'{path}: {error}') from None
    return sizes
