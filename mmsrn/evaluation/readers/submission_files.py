"""Result files of a folder or a zip: which of them is of which image."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import AnnotationError
from .image_names import ImageNames

__all__ = ['Files', 'Names', 'choose_files', 'open_files']

# One image has some hundred detections, of 60 bytes or less.
_MOST_BYTES = 2**23
_MOST_BYTES_OF_ALL = 2**31

Names = dict[str, None]  # an ordered set
#: Path in the folder or zip, to the path for messages and what reads it.
Files = dict[str, tuple[str, Callable[[], bytes]]]


@contextmanager
def open_files(path: Path) -> Iterator[Files]:
    """List the text files of a folder or a zip.

    Args:
        path (Path): The folder or the zip.

    Yields:
        Files: All of them, to be read within the block.

    Raises:
        AnnotationError: If it is neither; while reading, if a file cannot be
            read, or holds more than the detections of an image.
    """
    budget = [_MOST_BYTES_OF_ALL]
    if path.is_dir():
        yield _in_folder(path, budget)
        return
    if not path.is_file():
        what = 'neither a file nor' if path.exists() else 'no such file or'
        raise AnnotationError(f'{path}: {what} folder')
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # a damaged file may raise anything
        raise AnnotationError(
            f'{path}: neither a folder nor a readable zip: {error}; results '
            'are a folder or a zip of text files, a .pkl or a .json'
        ) from None
    with archive:
        yield _in_zip(archive, path, budget)


def _in_folder(path: Path, budget: list[int]) -> Files:
    found: Files = {}

    def reader(file: str) -> Callable[[], bytes]:
        def read() -> bytes:
            try:
                if not os.path.isfile(file):  # one that waits for a writer
                    raise AnnotationError(f'{file}: is no file to read')
                with open(file, 'rb') as stream:
                    return _bounded(stream, file, budget)
            except OSError as error:
                raise AnnotationError(
                    f'{file}: cannot be read: {error.strerror}'
                ) from None

        return read

    for folder, below, files in os.walk(path):
        below[:] = sorted(x for x in below if not x.startswith('.'))
        for name in files:
            if _is_text(name):
                file = os.path.join(folder, name)
                relative = os.path.relpath(file, path).replace(os.sep, '/')
                found[relative] = file, reader(file)
    return found


def _in_zip(archive: zipfile.ZipFile, path: Path, budget: list[int]) -> Files:
    def reader(member: str) -> Callable[[], bytes]:
        where = f'{path}/{member}'

        def read() -> bytes:
            try:
                with archive.open(member) as stream:
                    return _bounded(stream, where, budget)
            except AnnotationError:
                raise
            except Exception as error:  # a damaged file may raise anything
                raise AnnotationError(
                    f'{where}: cannot be read: {error}'
                ) from None

        return read

    members = [x for x in archive.namelist() if not x.startswith('__MACOSX/')]
    if len(set(members)) < len(members):
        seen = set()
        twice = next(x for x in members if x in seen or seen.add(x))
        raise AnnotationError(f'{path}/{twice}: is in the zip twice')
    return {
        x: (f'{path}/{x}', reader(x))
        for x in members
        if _is_text(x.replace('\\', '/').rpartition('/')[2])
    }


def _is_text(name: str) -> bool:
    return name.lower().endswith('.txt') and not name.startswith('.')


def _bounded(stream, where: str, budget: list[int]) -> bytes:
    """Read a file that may be much larger than it looks."""
    data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise AnnotationError(
            f'{where}: holds more than {_MOST_BYTES >> 20} MiB, which are no '
            'detections of one image'
        )
    budget[0] -= len(data)
    if budget[0] < 0:
        raise AnnotationError(
            f'{where}: with this file the results hold more than '
            f'{_MOST_BYTES_OF_ALL >> 30} GiB of text'
        )
    return data


def choose_files(
    paths: Iterable[str], names: Names, where: str
) -> tuple[dict[str, str], str]:
    """Find the files of the images.

    That is the one folder in which they are called as the server wants it;
    without one, all files whose names tell the image.

    Args:
        paths (Iterable[str]): Of text files below ``where``.
        names (dict[str, None]): Images of the set, ``event/image`` or
            ``image``.
        where (str): Folder or zip, for messages.

    Returns:
        tuple[dict[str, str], str]: Name of each file, whether the image is in
        the set or not, to its path; and how the layout differs from the one
        of the server, or ``''``.

    Raises:
        AnnotationError: If there is no result, or more than one of an image.
    """
    paths = list(paths)
    depth = max((name.count('/') + 1 for name in names), default=1)
    folders: dict[str, dict[str, str]] = {}
    for path in paths:
        parts = path.split('/')
        if len(parts) >= depth:
            name = '/'.join(parts[-depth:])[: -len('.txt')]
            folder = '/'.join(parts[:-depth])
            folders.setdefault(folder, {})[name] = path
    known = {
        x: files for x, files in folders.items() if names.keys() & files.keys()
    }
    if '' in known:
        return known[''], ''
    if len(known) == 1:
        return next(iter(known.values())), ''
    if known:
        remedy = '' if Path(where).is_dir() else 'unpack it and '
        raise AnnotationError(
            f'{where}: holds several sets of results: '
            f'{", ".join(sorted(known)[:5])}; {remedy}name one of these '
            'folders'
        )
    return _by_name(paths, names, where)


def _by_name(
    paths: list[str], names: Names, where: str
) -> tuple[dict[str, str], str]:
    """Find files in one flat folder, or called ``NAME.jpg.txt``."""
    finder = ImageNames(list(names))
    found: dict[str, str] = {}
    for path in sorted(paths):
        name = finder.find(path[: -len('.txt')])
        if name is None:
            continue
        if name in found:
            raise AnnotationError(
                f'{where}: {found[name]} and {path} may both be of {name}; '
                'lay the files out as EVENT/IMAGE.txt'
            )
        found[name] = path
    if found:
        name, path = next(iter(found.items()))
        told = f'the result of {name} is called {path}'
        others = (path for path in paths if path not in set(found.values()))
        return found | {path: path for path in others}, told
    example = f'{min(names)}.txt' if names else ''
    for path in sorted(paths):
        clash = finder.clash(path[: -len('.txt')])
        if clash:
            raise AnnotationError(
                f'{where}: {path} may be of {clash[0]} or of {clash[1]}; lay '
                'the files out as EVENT/IMAGE.txt'
            )
    hint = 'there is no text file'
    if paths:
        hint = f'there are {len(paths):,} text files, such as {min(paths)}'
    raise AnnotationError(
        f'{where}: no result of an image of the ground truth, such as '
        f'{example}, here or in a folder below; {hint}'
    )
