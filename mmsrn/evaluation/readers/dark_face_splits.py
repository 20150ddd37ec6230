"""Splits of the 6,000 labelled images of DARK FACE.

There is no official split.  Two are in use as published lists and are read
from a copy of the list.  Two further ones of the same sizes follow from a rule
of this project; numbers on those cannot be compared with others'.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from .dark_face_list import read_dark_face_names
from .errors import AnnotationError

__all__ = [
    'NUM_IMAGES',
    'OWN_SPLITS',
    'PUBLISHED_SPLITS',
    'PublishedSplit',
    'own_split',
    'split_file',
    'split_names',
]

#: Labelled images, called 1 to 6000.
NUM_IMAGES = 6000


class PublishedSplit(NamedTuple):
    """Size and source of a published list.

    Attributes:
        images (int): Images.
        faces (int): Faces.
        source (str): Repository that publishes the list.
    """

    images: int
    faces: int
    source: str


_REGDET = 'github.com/sherrycattt/REGDet, splits/'
_HLA = 'github.com/daooshee/HLA-Face-Code, train_code/dataset/'
#: The published ones by name.
PUBLISHED_SPLITS = {
    '5000_1000/train': PublishedSplit(5000, 36_733, _REGDET),
    '5000_1000/test': PublishedSplit(1000, 7_116, _REGDET),
    '5500_500/train': PublishedSplit(5500, 40_179, _HLA),
    '5500_500/val': PublishedSplit(500, 3_670, _HLA),
}
#: The project's own by name.
OWN_SPLITS = tuple(f'own_{name}' for name in PUBLISHED_SPLITS)


def own_split(name: str) -> list[str]:
    """Make a split of this project.

    The numbers 1 to 6000 are put in the order of the SHA-256 of their decimal
    digits.  The first 1,000 (500) are the smaller part, the others the larger
    one.

    Args:
        name (str): One of ``OWN_SPLITS``.

    Returns:
        list[str]: Names of its images, without suffix, by number.

    Example:
        >>> len(own_split('own_5000_1000/test'))
        1000
    """
    sizes, part = name.removeprefix('own_').split('/')
    held_out = int(sizes.split('_')[1])
    order = sorted(
        range(1, NUM_IMAGES + 1),
        key=lambda x: hashlib.sha256(b'%d' % x).digest(),
    )
    chosen = order[held_out:] if part == 'train' else order[:held_out]
    return [str(x) for x in sorted(chosen)]


def split_file(name: str) -> str:
    """Return the file name of a published list.

    Args:
        name (str): One of ``PUBLISHED_SPLITS``.

    Returns:
        str: Name of the file in the folder of the set.
    """
    return f'split_{name.replace("/", "_")}.txt'


def split_names(split: str, data_root: str | Path = '') -> list[str]:
    """Return the images of a split.

    Args:
        split (str): One of ``PUBLISHED_SPLITS``, read from
            ``split_file`` below ``data_root``; one of ``OWN_SPLITS``;
            or a file below ``data_root`` whose lines begin with a name.
        data_root (str | Path): Folder of the set.

    Returns:
        list[str]: Names of the images, without suffix.

    Raises:
        AnnotationError: If the file is missing, malformed, or has another
            number of images than the published one.
        ValueError: If ``split`` is neither a name nor a file ``*.txt``.
    """
    if split in OWN_SPLITS:
        return own_split(split)
    if split not in PUBLISHED_SPLITS:
        if not str(split).endswith('.txt'):
            known = ', '.join((*PUBLISHED_SPLITS, *OWN_SPLITS))
            raise ValueError(
                f'split must be one of {known}, or a list *.txt, got {split!r}'
            )
        return read_dark_face_names(Path(data_root, split))
    published = PUBLISHED_SPLITS[split]
    path = Path(data_root, split_file(split))
    if not path.is_file():
        raise AnnotationError(
            f'{path}: no such file. Copy the published list there '
            f'({published.source}; see data/README.md), or use the split of '
            f"this project's own, split='own_{split}'"
        )
    names = read_dark_face_names(path)
    if len(names) != published.images:
        raise AnnotationError(
            f'{path}: has {len(names):,} images, the published list '
            f'{published.images:,}; compare with the original list, or name '
            f"your file: split='NAME.txt'"
        )
    return names
