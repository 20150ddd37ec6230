"""Ground truth from WIDER FACE's text annotations."""

from __future__ import annotations

import os.path as osp
import warnings
from pathlib import Path

import numpy as np

from mmsrn.structures.face_set import (
    ATTRIBUTE_NAMES,
    FaceSet,
    face_set,
)

from .errors import EvaluationWarning
from .wider_face_txt import ATTRIBUTES, is_official, read_wider_face_txt

__all__ = ['read_wider_face_set']


def read_wider_face_set(path: str | Path) -> FaceSet:
    """Read annotations for an evaluation without ``.mat`` files.

    Args:
        path (str | Path): ``wider_face_*_bbx_gt.txt``, or of another set in
            this layout.

    Returns:
        FaceSet: Setting ``all``: faces count unless they are marked invalid or
        have no area.

    Raises:
        AnnotationError: If the file is missing or malformed.

    Warns: EvaluationWarning: If faces of a custom set have a negative side;
    they do not count.
    """
    images = read_wider_face_txt(path)
    tables = [
        np.array(x.faces, np.float64).reshape(-1, 4 + len(ATTRIBUTES))
        for x in images
    ]
    invalid = 4 + ATTRIBUTES.index('invalid')
    corners = [np.hstack([x[:, :2], x[:, :2] + x[:, 2:4]]) for x in tables]
    counts = [(x[:, invalid] == 0) & (x[:, 2:4] > 0).all(1) for x in tables]
    flat = np.concatenate(tables).astype(int)
    negative = [(x[:, 2:4] < 0).any(1).sum() for x in tables]
    if any(negative) and not is_official(path):
        first = next(x.name for x, num in zip(images, negative) if num)
        warnings.warn(
            f'{path}: {sum(negative):,} faces (first: in {first}) have a '
            'negative width or height, and do not count',
            EvaluationWarning,
            stacklevel=2,
        )
    return face_set(
        [osp.splitext(image.name)[0] for image in images],
        corners,
        counts,
        {x: flat[:, 4 + ATTRIBUTES.index(x)] for x in ATTRIBUTE_NAMES},
        version=f'annotations {Path(path).name}',
    )
