"""Results in the layouts that the evaluation servers take."""

from __future__ import annotations

import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from mmsrn.utils.atomic_file import atomic_file

from .detection_text import parse_detections
from .errors import AnnotationError, EvaluationWarning

__all__ = ['read_submission', 'write_submission']

_BROKEN_ZIP = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_submission(
    path: str | Path,
    names: Iterable[str],
    header: bool = True,
    strict: bool = False,
) -> dict[str, np.ndarray]:
    """Read a folder or a zip with one text file for each image.

    Files that the published tool calls invalid (empty ones, fewer lines than
    announced, fewer than five numbers in a line) count as files without
    detections, as they do there, with a warning that names the first.

    Args:
        path (str | Path): Folder or zip; the files may lie in a folder below.
        names (Iterable[str]): Images of the set, ``event/image`` or
            ``image``.
        header (bool): See :func:`mmsrn.evaluation.readers.parse_detections`.
        strict (bool): Make what is warned of here an error.

    Returns:
        dict[str, np.ndarray]: Image to (n, 5), for the files there are.

    Raises:
        AnnotationError: If there are no such files, two sets of them, or one
            that cannot be read; with ``strict`` also if one is invalid.

    Warns:
        EvaluationWarning: If files are invalid, or hold more than is read.
    """
    path = Path(path)
    names = dict.fromkeys(names)
    if path.is_dir():
        return _read_files(_in_folder(path, names), names, header, strict)
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise AnnotationError(f'{path}: no such file or folder') from None
    except _BROKEN_ZIP as error:
        raise AnnotationError(
            f'{path}: neither a folder nor a readable zip: {error}'
        ) from None
    with archive:
        files = _in_zip(archive, path, names)
        return _read_files(files, names, header, strict)


Names = dict[str, None]  # an ordered set
Files = dict[str, tuple[str, Callable[[], bytes]]]


def _read_files(
    files: Files, names: Names, header: bool, strict: bool
) -> dict[str, np.ndarray]:
    found, problems, remarks = {}, [], []
    others = [files[x][0] for x in files if x not in names]
    files = {name: files[name] for name in names if name in files}
    for name, (where, read) in files.items():
        file = parse_detections(read(), where, header)
        found[name] = file.rows
        if file.problem:
            problems.append(file.problem)
        if file.remark:
            remarks.append(file.remark)
    if problems and (strict or len(problems) == len(files)):
        raise AnnotationError(problems[0])
    if remarks and strict:
        raise AnnotationError(remarks[0])
    if problems:
        _warn(
            f'{len(problems):,} of {len(files):,} prediction files are '
            f'invalid (first: {problems[0]}); as in the published tool they '
            'count as images without detections'
        )
    if remarks:
        _warn(
            f'{len(remarks):,} of {len(files):,} prediction files hold more '
            f'than the published tool reads (first: {remarks[0]})'
        )
    if others:
        _warn(
            f'{len(others):,} files are of no image of the ground truth and '
            f'are not read (first: {min(others)})'
        )
    return found


def _warn(message: str) -> None:
    warnings.warn(message, EvaluationWarning, stacklevel=4)


def _in_folder(path: Path, names: Names) -> Files:
    depth = _depth(names)
    paths = []
    for folder, below, files in os.walk(path):
        level = len(Path(folder).relative_to(path).parts)
        if level >= depth:
            below.clear()
        below[:] = sorted(x for x in below if not x.startswith('.'))
        paths += [os.path.join(folder, x) for x in files]
    relative = {os.path.relpath(x, path): x for x in paths}

    def reader(file: str) -> Callable[[], bytes]:
        def read() -> bytes:
            try:
                with open(file, 'rb') as stream:
                    return stream.read()
            except OSError as error:
                raise AnnotationError(
                    f'{file}: cannot be read: {error.strerror}'
                ) from None

        return read

    return {
        name: (relative[x], reader(relative[x]))
        for name, x in _choose(relative, names, str(path)).items()
    }


def _in_zip(archive: zipfile.ZipFile, path: Path, names: Names) -> Files:
    def reader(member: str) -> Callable[[], bytes]:
        def read() -> bytes:
            try:
                return archive.read(member)
            except _BROKEN_ZIP as error:
                raise AnnotationError(
                    f'{path}/{member}: cannot be read: {error}'
                ) from None

        return read

    members = [x for x in archive.namelist() if not x.startswith('__MACOSX/')]
    if len(set(members)) < len(members):
        twice = next(x for x in members if members.count(x) > 1)
        raise AnnotationError(f'{path}/{twice}: is in the zip twice')
    return {
        name: (f'{path}/{x}', reader(x))
        for name, x in _choose(members, names, str(path)).items()
    }


def _depth(names: Names) -> int:
    """Number of parts of the names: 2 with events, else 1."""
    return max((name.count('/') + 1 for name in names), default=1)


def _choose(paths: Iterable[str], names: Names, where: str) -> dict[str, str]:
    """Find the one folder whose files are those of the images.

    Args:
        paths (Iterable[str]): Paths of files below ``where``.
        names (dict[str, None]): Images of the set.
        where (str): Folder or zip, for messages.

    Returns:
        dict[str, str]: Name of every text file in that folder, whether the
        image is in the set or not, to its path.
    """
    depth = _depth(names)
    folders: dict[str, dict[str, str]] = {}
    for path in paths:
        parts = path.replace(os.sep, '/').split('/')
        if len(parts) < depth or not parts[-1].endswith('.txt'):
            continue
        name = '/'.join(parts[-depth:])[: -len('.txt')]
        folder = '/'.join(parts[:-depth])
        folders.setdefault(folder, {})[name] = path
    known = {
        x: files for x, files in folders.items() if names.keys() & files.keys()
    }
    if '' in known:
        return known['']
    if len(known) == 1:
        return next(iter(known.values()))
    example = f'{min(names)}.txt' if names else ''
    if known:
        remedy = '' if Path(where).is_dir() else 'unpack it and '
        raise AnnotationError(
            f'{where}: holds several sets of results: '
            f'{", ".join(sorted(known)[:5])}; {remedy}name one of these '
            'folders'
        )
    found = [path for files in folders.values() for path in files.values()]
    hint = f'found {min(found)}' if found else 'found no text file'
    raise AnnotationError(
        f'{where}: no result of an image of the ground truth, such as '
        f'{example}, here or one folder below; {hint}'
    )


def write_submission(
    path: str | Path,
    predictions: Mapping[str, np.ndarray],
    header: bool = True,
) -> Path:
    """Write a zip that the evaluation server takes.

    Numbers are written with all their digits, so that the zip evaluates to
    the same last digit.

    Args:
        path (str | Path): Zip to write; it is there whole or not at all.
        predictions (Mapping[str, np.ndarray]): Image to (n, 5): with a header
            x y w h score, else x1 y1 x2 y2 score.
        header (bool): Whether to write the name and the number of detections
            first, as in WIDER FACE; DARK FACE has neither.

    Returns:
        Path: The zip.

    Raises:
        AnnotationError: If the name of an image leads out of the folder that
            a zip is unpacked in.
    """
    path = Path(path)
    for name in predictions:
        _check_member(name)
    with (
        atomic_file(path) as partial,
        zipfile.ZipFile(partial, 'w', zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, rows in predictions.items():
            lines = [' '.join(map(_shortest, row)) for row in rows.tolist()]
            if header:
                lines = [name.rpartition('/')[2], str(len(rows)), *lines]
            text = ''.join(f'{line}\n' for line in lines)
            archive.writestr(f'{name}.txt', text)
    return path


def _check_member(name: str) -> None:
    parts = name.replace('\\', '/').split('/')
    if not set(parts) & {'', '.', '..'} and ':' not in parts[0]:
        return
    raise AnnotationError(
        f'image {name!r}: such a name would leave the folder in which the zip '
        'is unpacked; name images by event/image or image'
    )


def _shortest(value: float) -> str:
    """Write a number so that it can be read back unchanged."""
    return repr(int(value)) if value.is_integer() else repr(value)
