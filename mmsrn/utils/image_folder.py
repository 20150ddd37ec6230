"""Make a changed copy of a folder of images, in parallel and in parts."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from rich.progress import Progress

from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.one_line import one_line
from mmsrn.version import __version__

__all__ = ['IMAGE_SUFFIXES', 'RECORD', 'FolderReport', 'process_folder']

#: Name of the file that says what was done to a folder.
RECORD = 'processing.json'
#: Names of images end in one of these.
IMAGE_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')

ImageFunction = Callable[[np.ndarray, str], np.ndarray]


@dataclass
class FolderReport:
    """What became of a folder.

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
            f'{self.made:,} images made, {self.kept:,} were there, '
            f'{self.copied:,} other files copied, {len(self.failed):,} images '
            'failed'
        )


def process_folder(
    src: str | Path,
    dst: str | Path,
    function: ImageFunction,
    record: Mapping[str, object],
    workers: int = 1,
    jpeg_quality: int = 95,
    description: str = 'Processing',
) -> FolderReport:
    """Process every image of a folder into another one of the same layout.

    Images keep their path, name and format, all other files are copied, so
    that annotations and lists stay valid.  Files whose names start with a dot
    are left out.  Each file appears whole or not at all; a second call with
    the same settings makes only what is missing or older than its source.
    ``dst`` gets a file ``processing.json`` with ``record``, the quality and
    the version; a folder with another one is refused.

    Args:
        src (str | Path): Folder to read, with any folders below it.
        dst (str | Path): Folder to make or to complete, outside ``src``.
        function (Callable): Takes an image, BGR uint8 (h, w, 3), and its path
            below ``src`` with forward slashes, and returns an image of the
            same kind. The result must not depend on anything else, and
            processes must be able to receive it: a function of a module, or a
            ``functools.partial`` of one.
        record (Mapping): What ``function`` does, with all parameters, as json
            can hold it.
        workers (int): Processes; with 1, this one does the work.
        jpeg_quality (int): Of JPEG and WebP files, 1 to 100. Colours are not
            sub-sampled.
        description (str): Text of the progress bar.

    Returns:
        FolderReport: Numbers of files, and the images that failed.

    Raises:
        ValueError: If the folders do not exist, contain each other or hold
            something else, or if ``record`` does not match.
        OSError: If a file cannot be written.
    """
    src, dst = Path(src), Path(dst)
    settings = {
        **record,
        'jpeg_quality': jpeg_quality,
        'mmsrn_version': __version__,
    }
    _check_folders(src, dst)
    files = sorted(_files(src))
    images = [x for x in files if _is_image(x)]
    if not images:
        raise ValueError(
            f'{src}: no images ({", ".join(IMAGE_SUFFIXES)}) in it'
        )
    _check_record(dst, json.loads(json.dumps(settings)))
    report = FolderReport()
    for name in files:
        if not _is_image(name) and not _is_current(src / name, dst / name):
            with atomic_file(dst / name) as partial:
                partial.write_bytes((src / name).read_bytes())
            report.copied += 1
    todo = [x for x in images if not _is_current(src / x, dst / x)]
    report.kept = len(images) - len(todo)
    jobs = ((src, dst, name, function, jpeg_quality) for name in todo)
    with Progress() as progress:
        bar = progress.add_task(description, total=len(todo))
        for name, wrong in _run(jobs, min(workers, len(todo))):
            if wrong is None:
                report.made += 1
            else:
                report.failed[name] = wrong
            progress.advance(bar)
    report.failed = dict(sorted(report.failed.items()))
    return report


def _check_folders(src: Path, dst: Path) -> None:
    if not src.is_dir():
        raise ValueError(f'{src}: no such folder')
    if dst.exists() and not dst.is_dir():
        raise ValueError(f'{dst}: is there already, and no folder')
    inside, outside = src.resolve(), dst.resolve()
    if inside == outside or inside in outside.parents:
        raise ValueError(f'{dst}: lies in {src}; name a folder outside it')
    if outside in inside.parents:
        raise ValueError(f'{dst}: contains {src}; name a folder of its own')


def _check_record(dst: Path, settings: dict) -> None:
    """Leave the record in a new folder, or compare it with the old one."""
    path = dst / RECORD
    remedy = 'name another folder or remove this one'
    if not path.is_file():
        if dst.is_dir() and any(dst.iterdir()):
            raise ValueError(
                f'{dst}: holds files of another origin, there is no {RECORD}; '
                f'{remedy}'
            )
        with atomic_file(path) as partial:
            text = json.dumps(settings, indent=2)
            partial.write_text(f'{text}\n', encoding='utf-8')
        return
    try:
        former = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(
            f'{path}: not a record of settings: {error}; {remedy}'
        ) from None
    if former != settings:
        raise ValueError(
            f'{dst}: was made with other settings '
            f'({_difference(former, settings)}); {remedy}'
        )


def _difference(former: object, now: dict) -> str:
    if not isinstance(former, dict):
        return 'its record is no table'
    keys = [
        x
        for x in dict.fromkeys([*former, *now])
        if former.get(x) != now.get(x)
    ]
    return ', '.join(
        f'{key}: {former.get(key, "none")} there, {now.get(key, "none")} now'
        for key in keys
    )


def _files(src: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(src, followlinks=True):
        folders[:] = [x for x in folders if not x.startswith('.')]
        for name in names:
            path = Path(folder, name).relative_to(src).as_posix()
            # The record of the source is about the source.
            if not name.startswith('.') and path != RECORD:
                yield path


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)


def _is_current(src: Path, dst: Path) -> bool:
    return dst.is_file() and dst.stat().st_mtime >= src.stat().st_mtime


def _run(jobs: Iterator[tuple], workers: int) -> Iterator[tuple]:
    """Results of ``_process``, in any order; few jobs wait at a time."""
    if workers <= 1:
        yield from (_process(job) for job in jobs)
        return
    pool = ProcessPoolExecutor(
        workers, initializer=cv2.setNumThreads, initargs=(1,)
    )
    waiting = set()
    try:
        while True:
            more = islice(jobs, 4 * workers - len(waiting))
            waiting |= {pool.submit(_process, job) for job in more}
            if not waiting:
                break
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (x.result() for x in done)
    except BrokenProcessPool:
        raise OSError(
            'a process was killed, perhaps for want of memory; start again '
            'with fewer workers, what is done is kept'
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _process(job: tuple) -> tuple[str, str | None]:
    """Make one image; return its name and what is wrong with it."""
    src, dst, name, function, quality = job
    try:
        image = _read(src / name)
        result = function(image, name)
    except (OSError, SyntaxError, ValueError, cv2.error) as error:
        return name, f'{type(error).__name__}: {one_line(error)}'
    parameters = {
        '.jpg': [
            *(cv2.IMWRITE_JPEG_QUALITY, quality),
            *(
                cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
                cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
            ),
        ],
        '.webp': [cv2.IMWRITE_WEBP_QUALITY, quality],
    }
    suffix = Path(name).suffix.lower().replace('jpeg', 'jpg')
    fine, data = cv2.imencode(suffix, result, parameters.get(suffix, []))
    if not fine:
        return name, f'cannot be encoded as {suffix}'
    with atomic_file(dst / name) as partial:
        partial.write_bytes(data.tobytes())
    return name, None


def _read(path: Path) -> np.ndarray:
    """Pixels as training sees them; damaged files are refused."""
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        image.load()  # OpenCV fills what is missing with grey
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError('not an image that OpenCV can read')
    return pixels
