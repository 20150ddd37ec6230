"""Results in the layouts of the evaluation servers."""

from __future__ import annotations

import codecs
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from mmsrn.utils.atomic_file import atomic_file

from .detection_text import is_detection, parse_detections
from .errors import AnnotationError, EvaluationWarning
from .submission_files import Files, Names, choose_files, open_files

__all__ = ['read_submission', 'write_submission']


def read_submission(
    path: str | Path,
    names: Iterable[str],
    header: bool = True,
    strict: bool = False,
) -> dict[str, np.ndarray]:
    """Read a folder or a zip with one text file per image.

    Files that the published tool calls invalid (empty ones, fewer lines than
    announced, fewer than five numbers in a line) count as files without
    detections, as they do there, with a warning that names the first.

    Other layouts are read with a warning if the file names tell the image: all
    files in one folder, files called ``NAME.jpg.txt``, or files without the
    two lines before the detections.

    Args:
        path (str | Path): Folder or zip, which is searched recursively.
        names (Iterable[str]): Images of the set, ``event/image`` or
            ``image``.
        header (bool): See :func:`mmsrn.evaluation.readers.parse_detections`.
        strict (bool): Make warnings errors.

    Returns:
        dict[str, np.ndarray]: Image to (n, 5), for the files there are.

    Raises:
        AnnotationError: If there are no such files, two sets of them, or one
            that cannot be read; with ``strict`` also if one is invalid.

    Warns: EvaluationWarning: If files are invalid or have further content.
    """
    path = Path(path)
    names = dict.fromkeys(names)
    with open_files(path) as files:
        chosen, layout = choose_files(files, names, str(path))
        found = _read_files(
            {name: files[x] for name, x in chosen.items()},
            names,
            header,
            strict,
        )
    if layout:
        _warn(
            f'{path}: is not laid out as the server wants it: {layout}',
            strict,
        )
    return found


def _read_files(
    files: Files, names: Names, header: bool, strict: bool
) -> dict[str, np.ndarray]:
    found, problems, remarks, bare = {}, [], [], []
    others = [files[x][0] for x in files if x not in names]
    files = {name: files[name] for name in names if name in files}
    for name, (where, read) in files.items():
        data = read()
        headless = header and _is_headless(data)
        if headless:
            data = data.removeprefix(codecs.BOM_UTF8)
        file = parse_detections(data, where, header and not headless)
        found[name] = file.rows
        if headless:
            bare.append(where)
        if file.problem:
            problems.append(file.problem)
        if file.remark:
            remarks.append(file.remark)
    if problems and (strict or len(problems) == len(files)):
        raise AnnotationError(problems[0])
    if remarks and strict:
        raise AnnotationError(remarks[0])
    if bare:
        _warn(
            f'{len(bare):,} of {len(files):,} prediction files lack the lines '
            f'with the name and the number of detections (first: {bare[0]}); '
            'the published tool wants them',
            strict,
        )
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


def _is_headless(data: bytes) -> bool:
    """Whether a file begins with detections, not with name and number."""
    # A count has one number, and a name hardly five.
    lines = data.removeprefix(codecs.BOM_UTF8).splitlines()[:2]
    return bool(lines) and all(map(is_detection, lines))


def _warn(message: str, strict: bool = False) -> None:
    if strict:
        raise AnnotationError(message)
    warnings.warn(message, EvaluationWarning, stacklevel=4)


def write_submission(
    path: str | Path,
    predictions: Mapping[str, np.ndarray],
    header: bool = True,
) -> Path:
    """Write a zip for the evaluation server.

    Numbers have all their digits, so the zip evaluates to the same result.

    Args:
        path (str | Path): Zip to write; it appears when it is complete.
        predictions (Mapping[str, np.ndarray]): Image to (n, 5): with a header
            x y w h score, else x1 y1 x2 y2 score.
        header (bool): Whether to write the name and the number of detections
            first, as in WIDER FACE; DARK FACE has neither.

    Returns:
        Path: The zip.

    Raises:
        AnnotationError: If the name of an image leads out of the folder of the
            unpacked zip.
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
