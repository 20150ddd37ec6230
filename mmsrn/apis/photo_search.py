"""Find the photos of a source."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmsrn.utils.file_search import expand_pattern, files_below
from mmsrn.utils.image_files import IMAGE_SUFFIXES
from mmsrn.utils.one_line import one_line

from .photos import PhotoError, is_tensor

__all__ = [
    'PhotoFolder',
    'PhotoSource',
    'find_photos',
    'holds_several',
    'is_address',
    'is_pattern',
    'photos_of',
    'search_folder',
    'search_pattern',
]

_ADDRESS = re.compile(r'[a-z][a-z0-9+.-]+://', re.IGNORECASE)


class PhotoSource(NamedTuple):
    """A photo that has not been read.

    Attributes:
        name (str): Its path as given, or ``photo N`` with its index in a list.
        content (Any): A path, encoded bytes, an array, a PIL image or a
            tensor.
    """

    name: str
    content: Any


class PhotoFolder(NamedTuple):
    """The files below a folder or of a pattern.

    Attributes:
        photos (list[Path]): Files with the suffix of an image.
        others (list[Path]): All other files; for a folder without hidden ones.
        problems (list[str]): One line for each folder that cannot be read.
    """

    photos: list[Path]
    others: list[Path]
    problems: list[str]


def find_photos(source: Any) -> list[PhotoSource]:
    """List the photos that a source stands for.

    Args:
        source (Any): A file, a folder with its subfolders, a pattern with
            ``*``, ``?`` or ``[]``, encoded bytes, a NumPy array, a PIL image,
            a torch tensor, or a list or tuple of these. A tensor or an array
            of four axes is a list of photos.

    Returns:
        list[PhotoSource]: The photos; those of a folder or a pattern sorted by
        name, each once, even if links loop.

    Raises:
        PhotoError: If the file does not exist, or the source has another type.
    """
    if not _is_list(source):
        return photos_of(source, 'photo 0')
    return [
        photo
        for i, item in enumerate(source)
        for photo in photos_of(item, f'photo {i}')
    ]


def holds_several(source: Any) -> bool:
    """Return whether a source is a list, even a list of one photo.

    Args:
        source (Any): See :func:`find_photos`.

    Returns:
        bool: Whether it is a list, an iterator, a folder or a pattern.
    """
    if not isinstance(source, (str, os.PathLike)):
        return _is_list(source) or isinstance(source, Iterator)
    # Unlike pathlib these never raise, however long the name.
    return os.path.isdir(source) or is_pattern(os.fspath(source))


def is_address(source: str) -> bool:
    """Return whether a source is a network address and not a path.

    Args:
        source (str): What the user gave.

    Returns:
        bool: True if it begins with ``http://``, ``rtsp://`` or the like.
    """
    return _ADDRESS.match(source) is not None


def search_folder(folder: str) -> PhotoFolder:
    """Search a folder and its subfolders.

    Args:
        folder (str): The folder.

    Returns:
        PhotoFolder: Its photos and the files left out.

    Raises:
        PhotoError: If there is no photo.
    """
    problems: list[str] = []
    files = files_below(folder, lambda x: problems.append(_unread(x)))
    photos, others = _by_name(files)
    if not photos:
        raise PhotoError(
            problems[0]
            if problems
            else f'{folder}: this folder has no images; a name must end in '
            f'{", ".join(IMAGE_SUFFIXES)}'
        )
    return PhotoFolder(photos, others, problems)


def search_pattern(pattern: str) -> PhotoFolder:
    """List the files that match a pattern.

    Args:
        pattern (str): With ``*``, ``?``, ``[]`` or ``**``.

    Returns:
        PhotoFolder: Photos and other files, without folders.

    Raises:
        PhotoError: If there is no photo.
    """
    files = (x for x in expand_pattern(pattern) if not os.path.isdir(x))
    photos, others = _by_name(map(Path, files))
    if not photos:
        raise PhotoError(f'{pattern}: no image matches this pattern')
    return PhotoFolder(photos, others, [])


def is_pattern(source: str) -> bool:
    """Return whether a source is a pattern and not the name of a file.

    Args:
        source (str): What the user gave.

    Returns:
        bool: True if it has a wildcard.
    """
    return glob.has_magic(source) and not os.path.lexists(source)


def photos_of(source: Any, name: str) -> list[PhotoSource]:
    """List the photos of one item of a list.

    Args:
        source (Any): See :func:`find_photos`.
        name (str): Name of a photo that is not a file.

    Returns:
        list[PhotoSource]: The photos.

    Raises:
        PhotoError: As of :func:`find_photos`.
    """
    if _is_list(source):
        return find_photos(source)
    if not isinstance(source, (str, os.PathLike)):
        return [PhotoSource(name, source)]
    text = os.fspath(source)
    if is_address(text):
        raise PhotoError(
            f'{text}: web addresses are not read; download the photo first'
        )
    if os.path.isdir(text):
        files = search_folder(text).photos
    elif is_pattern(text):
        files = search_pattern(text).photos
    else:
        files = [Path(text)]
    return [PhotoSource(str(x), x) for x in files]


def _by_name(files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    photos: list[Path] = []
    others: list[Path] = []
    for path in files:
        # A pipe would let its reader wait.
        image = path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
        (photos if image else others).append(path)
    return photos, others


def _unread(error: OSError) -> str:
    return f'{error.filename}: cannot be read: {one_line(error.strerror)}'


def _is_list(source: Any) -> bool:
    """Whether a source is a list, or an array of several photos."""
    if isinstance(source, (list, tuple)):
        return True
    return (isinstance(source, np.ndarray) or is_tensor(source)) and (
        source.ndim == 4
    )
