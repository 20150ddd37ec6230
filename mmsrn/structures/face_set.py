"""Ground truth of a set of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ['ATTRIBUTE_NAMES', 'FaceSet', 'FaceSetting', 'face_set']

#: Names of the values of WIDER FACE's attributes.
ATTRIBUTE_NAMES = {
    'blur': ('clear', 'normal', 'heavy'),
    'expression': ('typical', 'exaggerate'),
    'illumination': ('normal', 'extreme'),
    'occlusion': ('none', 'partial', 'heavy'),
    'pose': ('typical', 'atypical'),
}


@dataclass(frozen=True)
class FaceSetting:
    """Which faces count in an evaluation.

    Attributes:
        faces (list[np.ndarray]): For each image (k, 4) corners x1 y1 x2 y2.
            An integer type asks for MATLAB's integer arithmetic, see
            :func:`~mmsrn.evaluation.protocols.face_overlaps`.
        counts (np.ndarray): (all faces,) bool; the others are ignored.
    """

    faces: list[np.ndarray]
    counts: np.ndarray


@dataclass(frozen=True)
class FaceSet:
    """Faces of a set of images.

    Attributes:
        names (list[str]): Of the images, as prediction files are called:
            ``event/image`` in WIDER FACE, without suffix.
        settings (dict[str, FaceSetting]): Settings by name; the last one is
            that with the most faces.
        attributes (dict[str, np.ndarray]): (all faces,) int, values of
            WIDER FACE's attributes, where known.
        version (str): What the ground truth is, for people to read.
    """

    names: list[str]
    settings: dict[str, FaceSetting]
    attributes: dict[str, np.ndarray] = field(default_factory=dict)
    version: str = ''


def face_set(
    names: Sequence[str],
    faces: Sequence[np.ndarray],
    counts: Sequence[np.ndarray] | None = None,
    attributes: dict[str, np.ndarray] | None = None,
    setting: str = 'all',
    version: str = '',
) -> FaceSet:
    """Make a set with one setting, from annotations of any origin.

    Args:
        names (Sequence[str]): Of the images.
        faces (Sequence[np.ndarray]): For each image (k, 4) corners in pixels.
        counts (Sequence[np.ndarray], optional): For each image (k,) bool;
            by default every face counts.
        attributes (dict[str, np.ndarray], optional): See :class:`FaceSet`.
        setting (str): Name of the setting.
        version (str): See :class:`FaceSet`.

    Returns:
        FaceSet: The set, to be evaluated in double precision.
    """
    faces = [np.asarray(x, np.float64).reshape(-1, 4) for x in faces]
    if counts is None:
        counts = [np.ones(len(x), bool) for x in faces]
    flat = np.concatenate([np.zeros(0, bool), *counts])
    return FaceSet(
        list(names),
        {setting: FaceSetting(faces, flat)},
        attributes or {},
        version,
    )
