"""What ``mmsrn detect`` is to look at, and how its results are called."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mmsrn.apis import PhotoError, find_photos
from mmsrn.utils.image_files import IMAGE_SUFFIXES
from mmsrn.video import VIDEO_SUFFIXES

__all__ = ['Source', 'find_sources', 'root_of']


@dataclass(frozen=True)
class Source:
    """A photo, a video or a camera.

    Attributes:
        kind (str): ``'photo'``, ``'video'`` or ``'camera'``.
        content (str | int): Path, or number of the camera.
        picture (Path): Of its picture or video with boxes, below the folder
            of results.
        text (Path): The same without suffix, for text files.
    """

    kind: str
    content: str | int
    picture: Path
    text: Path


class _Found(NamedTuple):
    kind: str
    path: str
    root: str  # the folder that was named


def find_sources(
    given: Iterable[str], left_out: Iterable[Path] = ()
) -> tuple[list[Source], list[str]]:
    """Find what the user means.

    Results are called by the path below the folder that was named, or, of a
    file, by its name; with several folders the last part of theirs comes
    first, and more of it where that is the same, so that files of the same
    name stay apart.

    Args:
        given (Iterable[str]): Files, folders, patterns and numbers of
            cameras.
        left_out (Iterable[Path]): Folders of results: what is found there by
            looking through a folder is no source.

    Returns:
        tuple[list[Source], list[str]]: The sources in the order given, each
        once, and what is wrong with what cannot be one, in one line each.
    """
    problems: list[str] = []
    files: dict[str | int, _Found | None] = {}
    results = [os.path.abspath(x) for x in left_out]
    for text in given:
        if text.isdecimal() and not os.path.lexists(text):
            files[int(text)] = None
            continue
        try:
            for found in _expand(text):
                path = os.path.abspath(found.path)
                if not _is_result(path, found.root, results):
                    files.setdefault(path, found)
        except PhotoError as error:
            problems.append(str(error))
    return list(_with_names(files)), problems


def root_of(text: str) -> str:
    """Tell from which folder on the files of an argument have their names.

    Args:
        text (str): A file, a folder or a pattern.

    Returns:
        str: The absolute path of the folder; of a pattern that of the part
        before the first sign with a meaning.
    """
    if os.path.isdir(text):
        return os.path.abspath(text)
    if glob.has_magic(text) and not os.path.lexists(text):
        plain = Path(text).parts
        steps = next(i for i, x in enumerate(plain) if glob.has_magic(x))
        return os.path.abspath(os.path.join(*plain[:steps], ''))
    return os.path.dirname(os.path.abspath(text))


def _expand(text: str) -> Iterator[_Found]:
    """Files that one argument stands for."""
    is_folder, is_video = os.path.isdir(text), _is_video(text)
    is_pattern = glob.has_magic(text) and not os.path.lexists(text)
    root = root_of(text)
    if not is_pattern and not os.path.lexists(text) and '://' not in text:
        raise PhotoError(f'{text}: no such file or folder')
    if is_video and not is_folder:
        paths = sorted(glob.glob(text, recursive=True))
        if not is_pattern:
            paths = [text]
        elif not paths:
            raise PhotoError(f'{text}: no video has such a name')
        yield from (_Found('video', x, root) for x in paths)
    else:
        for photo in find_photos(text):
            yield _Found('photo', photo.name, root)


def _is_video(path: str) -> bool:
    return path.lower().endswith(VIDEO_SUFFIXES)


def _is_result(path: str, root: str, results: list[str]) -> bool:
    """Whether a file is among the results that lie in the folder named."""
    return any(
        x != root and _is_below(x, root) and _is_below(path, x)
        for x in results
    )


def _is_below(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder


def _labels(roots: set[str]) -> dict[str, Path]:
    """As many last parts of each folder as tell it from the others."""
    if len(roots) == 1:
        return dict.fromkeys(roots, Path())
    parts = {root: Path(root).parts[1:] for root in roots}
    labels = {}
    for root, own in parts.items():
        others = [x for name, x in parts.items() if name != root]
        depth = 1
        while depth < len(own) and any(
            x[-depth:] == own[-depth:] for x in others
        ):
            depth += 1
        labels[root] = Path(*own[-depth:])
    return labels


def _with_names(files: dict[str | int, _Found | None]) -> Iterator[Source]:
    labels = _labels({x.root for x in files.values() if x is not None})
    places = {
        path: Path(f'camera_{path}')
        if found is None
        else labels[found.root] / os.path.relpath(path, found.root)
        for path, found in files.items()
    }
    bare = Counter(x.with_suffix('') for x in places.values())
    films = Counter(
        places[path].with_suffix('')
        for path, found in files.items()
        if found is not None and found.kind == 'video'
    )
    for path, found in files.items():
        place = places[path]
        # a.png and a.jpg would share a text file.
        own = bare[place.with_suffix('')] == 1
        text = place.with_suffix('') if own else place
        if found is None:
            video = place.with_name(f'{place.name}.mp4')
            yield Source('camera', path, video, place)
        elif found.kind == 'video':
            own = films[place.with_suffix('')] == 1
            video = place.with_suffix('') if own else place
            video = video.with_name(f'{video.name}.mp4')
            yield Source('video', found.path, video, text)
        else:
            known = place.suffix.lower() in IMAGE_SUFFIXES
            picture = place.with_name(place.name + ('' if known else '.png'))
            yield Source('photo', found.path, picture, text)
