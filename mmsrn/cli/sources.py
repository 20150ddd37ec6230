"""Sources of ``mmsrn detect`` and the names of their results."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mmsrn.apis import PhotoError, find_photos
from mmsrn.apis.faces import PICTURES
from mmsrn.apis.photo_search import (
    is_address,
    is_pattern,
    search_folder,
    search_pattern,
)
from mmsrn.utils.file_search import expand_pattern
from mmsrn.utils.folder_labels import labels_of, root_of, without_suffixes
from mmsrn.utils.image_files import IMAGE_SUFFIXES
from mmsrn.video import VIDEO_SUFFIXES, without_password

__all__ = ['Search', 'Source', 'find_sources']

#: Kinds of files that a note lists.
_SHOWN = 5
#: What an address has and a file name should not.
_NO_NAME = re.compile(r'[^\w-]+')


@dataclass(frozen=True)
class Source:
    """A photo, a video, a camera or an address of one.

    Attributes:
        kind (str): ``'photo'``, ``'video'`` or ``'camera'``.
        content (str | int): Path, address, or number of the camera.
        picture (Path): Of its picture or video with boxes, below the folder
            of results.
        text (Path): The same without suffix, for text files.
    """

    kind: str
    content: str | int
    picture: Path
    text: Path


class Search(NamedTuple):
    """The sources found for the arguments.

    Attributes:
        sources (list[Source]): In the order given, each once.
        problems (list[str]): One line for each argument that cannot be used.
        notes (list[str]): One line for each folder or pattern with skipped
            files.
    """

    sources: list[Source]
    problems: list[str]
    notes: list[str]


class _Found(NamedTuple):
    kind: str
    path: str
    root: str  # the folder that was named


def find_sources(
    given: Iterable[str], left_out: Iterable[Path] = ()
) -> Search:
    """Find the sources of the arguments.

    A result is named after the path below the folder that was given, or after
    the file. With several folders, the last part of their path comes first,
    and more of it if needed, so that names stay unique.

    Args:
        given (Iterable[str]): Files, folders, patterns, addresses of videos
            and numbers of cameras.
        left_out (Iterable[Path]): Folders of results, which are skipped when a
            folder is searched.

    Returns:
        Search: The sources, problems and notes.
    """
    problems: list[str] = []
    notes: list[str] = []
    files: dict[str | int, _Found | None] = {}
    results = [os.path.abspath(x) for x in left_out]
    for text in given:
        if text.isdecimal() and not os.path.lexists(text):
            files[int(text)] = None
            continue
        try:
            found, note = _expand(text, results, problems)
        except PhotoError as error:
            problems.append(str(error))
            continue
        notes += note
        for one in found:
            if one.kind == 'address':
                files.setdefault(one.path, one)
                continue
            if not _is_result(os.path.abspath(one.path), one.root, results):
                folder, name = os.path.split(one.path)
                # What other links lead to is the same file.
                key = os.path.join(os.path.realpath(folder), name)
                files.setdefault(key, one)
    return Search(list(_with_names(files)), problems, notes)


def _note(text: str, others: list[Path]) -> list[str]:
    """Say what of a folder or a pattern was left out."""
    if not others:
        return []
    kinds = Counter(x.suffix.lower() or 'no suffix' for x in others)
    shown = [f'{n:,} {kind}' for kind, n in kinds.most_common(_SHOWN)]
    more = ', ...' if len(kinds) > _SHOWN else ''
    files = 'file' if len(others) == 1 else 'files'
    return [
        f'{text}: skipped {len(others):,} {files} without the suffix of a '
        f'photo: {", ".join(shown)}{more}'
    ]


def _expand(
    text: str, results: list[str], problems: list[str]
) -> tuple[list[_Found], list[str]]:
    """Files that an argument stands for, and what to say of others."""
    if is_address(text) and not text.lower().endswith(IMAGE_SUFFIXES):
        return [_Found('address', text, '')], []
    root, kind, others = root_of(text), 'photo', []
    if os.path.isdir(text):
        search = search_folder(text)
    elif is_pattern(text) and not _is_video(text):
        search = search_pattern(text)
    else:
        search = None
    if search is not None:
        paths = [str(x) for x in search.photos]
        problems += search.problems
        others = [
            x
            for x in search.others
            if not _is_result(os.path.abspath(x), root, results)
        ]
    elif is_pattern(text):
        paths, kind = expand_pattern(text), 'video'
        if not paths:
            raise PhotoError(f'{text}: no video matches this pattern')
    elif is_address(text):
        paths = [x.name for x in find_photos(text)]  # says what to do
    elif not os.path.lexists(text):
        raise PhotoError(f'{text}: no such file or folder')
    else:
        kind = 'video' if _is_video(text) else 'photo'
        # Photos are called without ./, which some names of videos need.
        paths = [str(Path(text)) if kind == 'photo' else text]
    found = []
    for path in paths:
        folder = os.path.dirname(os.path.abspath(path))
        own = root if _is_below(folder, root) else folder
        found.append(_Found(kind, path, own))
    return found, _note(text, others)


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


def _place_of(
    path: str | int, found: _Found | None, labels: dict[str, Path]
) -> Path:
    if found is None:
        return Path(f'camera_{path}')
    if found.kind == 'address':
        return Path(_NO_NAME.sub('_', without_password(path)))
    place = os.path.relpath(os.path.abspath(found.path), found.root)
    return labels[found.root] / place


def _with_names(files: dict[str | int, _Found | None]) -> Iterator[Source]:
    roots = {x.root for x in files.values() if x is not None and x.root}
    labels = labels_of(roots)
    places = {
        path: _place_of(path, found, labels) for path, found in files.items()
    }
    texts = dict(zip(places, without_suffixes(places.values())))
    films = Counter(
        places[path].with_suffix('')
        for path, found in files.items()
        if found is not None and found.kind != 'photo'
    )
    for path, found in files.items():
        place = places[path]
        text = texts[path]
        if found is None:
            video = place.with_name(f'{place.name}.mp4')
            yield Source('camera', path, video, place)
        elif found.kind != 'photo':
            own = films[place.with_suffix('')] == 1
            video = place.with_suffix('') if own else place
            video = video.with_name(f'{video.name}.mp4')
            yield Source('video', found.path, video, text)
        else:
            known = place.suffix.lower() in PICTURES
            picture = place.with_name(place.name + ('' if known else '.png'))
            yield Source('photo', found.path, picture, text)
