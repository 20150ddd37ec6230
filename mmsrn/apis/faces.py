"""The faces of a photo."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmsrn.utils.atomic_file import atomic_file

from .drawing import draw_faces

__all__ = ['CSV_HEADER', 'PICTURES', 'UNPRINTABLE', 'Faces']

CSV_HEADER = ('photo', 'x1', 'y1', 'x2', 'y2', 'score')
#: What becomes of bytes in a name that are no UTF-8: as in json.
UNPRINTABLE = 'backslashreplace'
#: Suffixes of pictures that can be saved.
PICTURES = ('.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff')


# eq: arrays have no single answer.
@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of one photo, sorted by falling score.

    Attributes:
        boxes (np.ndarray): (n, 4) float32, corners x1, y1, x2, y2 in pixels
            of the upright photo, inside it.
        scores (np.ndarray): (n,) float32, in [0, 1], falling.
        photo (np.ndarray): The upright photo, BGR uint8 (h, w, 3).
        name (str): Its path as given, or ``photo N``.
        timing (dict[str, float]): Seconds for ``read``, ``enhance`` and
            ``detect``.
        enhancement (str, optional): The enhancement that was applied.
        incomplete (str, optional): What is missing, if only a part of the file
            could be read.
        limit (int, optional): The limit of faces per image, if it was reached;
            there may be more faces.
    """

    boxes: np.ndarray
    scores: np.ndarray
    photo: np.ndarray
    name: str = 'photo 0'
    timing: dict[str, float] = field(default_factory=dict)
    enhancement: str | None = None
    incomplete: str | None = None
    limit: int | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def size(self) -> tuple[int, int]:
        """tuple[int, int]: Width and height of the upright photo."""
        return self.photo.shape[1], self.photo.shape[0]

    def __repr__(self) -> str:
        best = f', best score {self.scores[0]:.2f}' if len(self) else ''
        faces = '1 face' if len(self) == 1 else f'{len(self)} faces'
        more = f'; {self.incomplete}' if self.incomplete else ''
        return f'<Faces of {self.name}: {faces}{best}{more}>'

    def to_dict(self) -> dict[str, Any]:
        """Return a dict that json can write.

        Returns:
            dict: ``name``, ``width``, ``height``, ``enhancement``,
            ``timing`` and ``faces``, a list of dicts with ``box`` and
            ``score``; also ``incomplete`` and ``limit``, if they are not
            None.
        """
        width, height = self.size
        remarks = dict(incomplete=self.incomplete, limit=self.limit)
        return dict(
            name=self.name,
            width=width,
            height=height,
            enhancement=self.enhancement,
            timing={k: round(v, 4) for k, v in self.timing.items()},
            faces=[
                dict(
                    box=[round(float(v), 2) for v in box],
                    score=round(float(score), 4),
                )
                for box, score in zip(self.boxes, self.scores)
            ],
            **{k: v for k, v in remarks.items() if v is not None},
        )

    def to_rows(self) -> list[tuple]:
        """Return a row for each face.

        Returns:
            list[tuple]: Values in the order of ``CSV_HEADER``.
        """
        return [
            (self.name, *x['box'], x['score']) for x in self.to_dict()['faces']
        ]

    def to_wider(self) -> str:
        """Return the faces in the text layout of WIDER FACE results.

        Returns:
            str: The name without folders and suffix, the number of faces, and
            a line ``x y width height score`` for each.
        """
        lines = [Path(self.name).stem, str(len(self))]
        for (x1, y1, x2, y2), score in zip(self.boxes, self.scores):
            lines.append(
                f'{x1:.2f} {y1:.2f} {x2 - x1:.2f} {y2 - y1:.2f} {score:.4f}'
            )
        return '\n'.join(lines) + '\n'

    def plot(self) -> np.ndarray:
        """Draw the faces.

        Returns:
            np.ndarray: The picture, BGR uint8 (h, w, 3).
        """
        return draw_faces(self.photo, self.boxes, self.scores)

    def save(self, path: str | Path) -> None:
        """Write the faces to a file, which appears only when it is complete.

        Args:
            path (str | Path): ``.json``; ``.csv``; ``.txt``, as WIDER FACE;
                or a picture with boxes, ``.jpg``, ``.png``, ``.webp``,
                ``.bmp`` or ``.tif``.

        Raises:
            ValueError: If the suffix is unknown, or the picture is too large
                for its format.
            OSError: If it cannot be written.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix in PICTURES:
            content = _encode(self.plot(), suffix, path)
        elif suffix == '.json':
            content = (json.dumps(self.to_dict(), indent=2) + '\n').encode()
        elif suffix == '.txt':
            content = self.to_wider().encode('utf-8', UNPRINTABLE)
        elif suffix == '.csv':
            content = None
        else:
            raise ValueError(
                f'{path}: unknown suffix; use .json, .csv, .txt or a picture '
                f'({", ".join(PICTURES)})'
            )
        with atomic_file(path) as partial:
            if content is not None:
                partial.write_bytes(content)
                return
            with partial.open(
                'w', newline='', encoding='utf-8', errors=UNPRINTABLE
            ) as file:
                writer = csv.writer(file)
                writer.writerow(CSV_HEADER)
                writer.writerows(self.to_rows())


def _encode(picture: np.ndarray, suffix: str, path: Path) -> bytes:
    try:
        fine, encoded = cv2.imencode(suffix, picture)
    except cv2.error:
        fine = False
    if not fine:
        height, width = picture.shape[:2]
        raise ValueError(
            f'{path}: cannot encode a picture of {width} x {height} pixels '
            f'as {suffix}'
        )
    return encoded.tobytes()
