"""Write a changed copy of a folder of images, in parallel and resumable."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.folder_tree import (
    copy_files,
    find_files,
    is_current,
    remove_unfinished,
)
from mmsrn.utils.image_files import (
    IMAGE_SUFFIXES,
    ImageFunction,
    process_image,
    start_worker,
)
from mmsrn.utils.processes import run_in_processes
from mmsrn.utils.progress_bar import progress_bar
from mmsrn.version import __version__

__all__ = ['RECORD', 'FolderReport', 'process_folder']

#: Name of the file that says what was done to a folder.
RECORD = 'processing.json'


@dataclass
class FolderReport:
    """Counts of a processed folder.

    Attributes:
        made (int): Images made by this call.
        kept (int): Images that were there from an earlier one.
        copied (int): Files that are no images and were copied.
        failed (dict[str, str]): Images that could not be read or processed,
            paths below the source folder, and what is wrong with each.
    """

    made: int = 0
    kept: int = 0
    copied: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f'{self.made:,} images made, {self.kept:,} already there, '
            f'{self.copied:,} other files copied'
        )


def process_folder(
    src: str | Path,
    dst: str | Path,
    function: ImageFunction,
    record: Mapping[str, object],
    workers: int = 0,
    jpeg_quality: int = 95,
    grey: bool = False,
    description: str = 'Processing',
) -> FolderReport:
    """Process every image of a folder into a new folder with the same layout.

    Images keep their path, name and format; all other files are copied, so
    annotations and lists stay valid. Hidden files are skipped, links are
    followed. Each file appears only when it is complete. A second call with
    the same settings makes only files that are missing or older than their
    source. ``dst`` gets a file ``processing.json`` with ``record``, the
    quality, the version and the earlier processing of ``src``. A folder with
    another record is refused, as is a second processing of the same kind.

    Args:
        src (str | Path): Folder to read, with any folders below it.
        dst (str | Path): Folder to make or to complete, outside ``src``.
        function (Callable): Takes an image, BGR uint8 (h, w, 3), and its path
            below ``src`` with forward slashes, and returns an image of the
            same kind. The result must not depend on anything else, and with
            workers it must be possible to pickle it: a function of a
            module, or a ``functools.partial`` of one.
        record (Mapping): What ``function`` does, as json can hold it:
            ``kind``, a past participle (``'enhanced'``), the method, and all
            parameters.
        workers (int): Processes of one thread each, whose number changes no
            pixel; with 0, this process does the work, with all its threads,
            whose number changes the last digit of matrix products.
        jpeg_quality (int): Of JPEG files, 1 to 100; all else is lossless.
        grey (bool): Hand grey images over as (h, w).
        description (str): Text of the progress bar.

    Returns:
        FolderReport: Counts of files, and the images that failed.

    Raises:
        ValueError: If the folders do not exist, contain each other or hold
            something else, or if ``record`` does not match.
        OSError: If a file cannot be read or written, another run is writing to
            ``dst``, or a worker was killed.
    """
    src, dst = Path(src), Path(dst)
    _check_folders(src, dst)
    # The record of the source is about the source.
    files = [x for x in find_files(src) if x != Path(RECORD)]
    images = [x for x in files if x.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        suffixes = ' '.join(IMAGE_SUFFIXES)
        raise ValueError(
            f'{src}: has no image ({suffixes}); name the folder of a data set'
        )
    settings = {
        **record,
        'jpeg_quality': jpeg_quality,
        'version': __version__,
        'source': str(src.resolve()),
        'source_processing': _earlier(src, record['kind']),
    }
    report = FolderReport()
    dst.mkdir(parents=True, exist_ok=True)
    with _locked(dst):
        _check_record(dst, json.loads(json.dumps(settings)))
        remove_unfinished(dst, [*files, Path(RECORD)])
        others = [x for x in files if x.suffix.lower() not in IMAGE_SUFFIXES]
        report.copied = copy_files(src, dst, others)
        todo = [x for x in images if not is_current(src / x, dst / x)]
        report.kept = len(images) - len(todo)
        jobs = (
            (src, dst, x.as_posix(), function, jpeg_quality, grey)
            for x in todo
        )
        with progress_bar() as bar:
            task = bar.add_task(description, total=len(todo))
            for name, wrong in _run(jobs, min(workers, len(todo))):
                if wrong is None:
                    report.made += 1
                else:
                    report.failed[name] = wrong
                bar.advance(task)
    report.failed = dict(sorted(report.failed.items()))
    return report


def _check_folders(src: Path, dst: Path) -> None:
    if not src.is_dir():
        what = 'is not a folder' if src.exists() else 'no such folder'
        raise ValueError(f'{src}: {what}; name the folder of a data set')
    if dst.exists() and not dst.is_dir():
        raise ValueError(f'{dst}: is a file; name a new folder')
    inner, outer = dst.resolve(), src.resolve()
    if inner == outer:
        raise ValueError(
            f'{src}: is the source itself; name a folder beside it'
        )
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise ValueError(
            f'{dst} and {src} contain each other; name a folder beside the '
            'source'
        )


def _earlier(src: Path, kind: object) -> dict | None:
    """The record of the source, if it has one."""
    path = src / RECORD
    if not path.is_file():
        return None
    record = _read_record(path, 'remove it if it belongs to something else')
    inner = record
    while inner is not None:
        if inner.get('kind') == kind:
            raise ValueError(
                f'{src}: is already {kind} (see {path}); name the original '
                'images'
            )
        inner = inner.get('source_processing')
    return record


def _read_record(path: Path, remedy: str) -> dict:
    try:
        record = json.loads(path.read_text(encoding='utf-8'))
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise ValueError(f'{path}: is not a record of this command; {remedy}')
    return record


def _check_record(dst: Path, settings: dict) -> None:
    """Leave the record in a new folder, or compare it with the old one."""
    path = dst / RECORD
    remedy = 'name another folder, or remove this one'
    if not path.is_file():
        if any(dst.iterdir()):
            raise ValueError(
                f'{dst}: holds files but no {RECORD}, so this command did '
                f'not make them; {remedy}'
            )
        with atomic_file(path) as partial:
            text = json.dumps(settings, indent=2)
            partial.write_text(f'{text}\n', encoding='utf-8')
        return
    former = _read_record(path, remedy)
    keys = [
        x
        for x in dict.fromkeys([*former, *settings])
        if former.get(x) != settings.get(x)
    ]
    # The parameters of two methods need no comparison.
    keys = [x for x in keys if x in ('kind', 'method')] or keys
    if keys:
        differences = ', '.join(
            f'{x}: {former.get(x, "none")} before, {settings.get(x, "none")} '
            'now'
            for x in keys
        )
        raise ValueError(
            f'{dst}: was made with other settings ({differences}); {remedy}'
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder against other runs; the system frees it in any case."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(
                f'another run is writing to {folder}; wait until it ends'
            ) from None
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)


def _process(job: tuple) -> tuple[str, str | None]:
    return job[2], process_image(*job)


def _run(jobs: Iterator[tuple], workers: int) -> Iterator[tuple]:
    """Results of ``_process``, in any order."""
    if not workers:
        yield from map(_process, jobs)
    else:
        yield from run_in_processes(_process, jobs, workers, start_worker)
