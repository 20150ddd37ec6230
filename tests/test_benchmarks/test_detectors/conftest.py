"""Drawn photos, and a detector whose mistakes are known."""

import cv2
import numpy as np
import pytest

from mmsrn.apis import Faces

FACE, DIM_FACE, LAMP = (10, 10, 40, 40), (60, 10, 90, 40), (60, 50, 80, 70)
LIST = """party/a.png
2
10 10 30 30 0 0 0 0 0 0
60 10 30 30 0 0 0 0 0 0
party/b.png
2
10 10 30 30 0 0 0 0 0 0
60 50 20 20 0 0 0 1 0 0
street/c.png
0
0 0 0 0 0 0 0 0 0 0
"""


class SeesBright:
    """Finds what is brighter than a limit; the score is the brightness."""

    def __init__(self, limit):
        self.limit = limit
        self.seen = 0

    def detect(self, photo):
        self.seen += 1
        grey = photo[..., 0]
        bright = (grey > self.limit).astype(np.uint8)
        rows = [
            (x, y, x + w, y + h, grey[y + h // 2, x + w // 2] / 255)
            for x, y, w, h, _ in cv2.connectedComponentsWithStats(bright)[2][
                1:
            ]
        ]
        rows = np.array(sorted(rows, key=lambda x: -x[4]), np.float32)
        rows = rows.reshape(-1, 5)
        return Faces(rows[:, :4], rows[:, 4], photo)


@pytest.fixture
def sees_bright():
    return SeesBright


@pytest.fixture
def drawn_list(tmp_path):
    """A list of three photos, one without faces; a lamp is in the last two.

    In the second photo it is labelled as a face that nobody is sure of.
    """
    for name, squares in {
        'party/a': {FACE: 250, DIM_FACE: 150},
        'party/b': {FACE: 250, LAMP: 220},
        'street/c': {LAMP: 220},
    }.items():
        photo = np.full((80, 100, 3), 50, np.uint8)
        for (x1, y1, x2, y2), grey in squares.items():
            photo[y1:y2, x1:x2] = grey
        path = tmp_path / f'images/{name}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), photo)
    path = tmp_path / 'drawn_bbx_gt.txt'
    path.write_text(LIST)
    return path
