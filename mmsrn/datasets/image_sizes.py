"""Widths and heights of many images, with a cache."""

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmengine.logging import print_log
from rich.progress import track

from mmsrn.evaluation.readers import AnnotationError
from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.image_header import ImageHeader, read_header

Sizes = dict[str, tuple[int, int]]


def read_size_csv(path: str | Path) -> Sizes:
    """Read a table of image sizes.

    Args:
        path (str | Path): Lines of name, width, height; tables that
            :func:`image_sizes` writes also have size and time of the file.

    Returns:
        dict[str, tuple[int, int]]: Width and height in pixels by name.

    Raises:
        AnnotationError: If a line is malformed or the file is missing.
    """
    return {name: row[:2] for name, row in _read_rows(path).items()}


def _read_rows(path: str | Path) -> dict[str, tuple[int, ...]]:
    """Rows by name: width and height, and what else there is."""
    rows = {}
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            for number, row in enumerate(csv.reader(file), 1):
                try:
                    name, *numbers = row
                    if len(numbers) not in (2, 4):
                        raise ValueError
                    rows[name] = tuple(map(int, numbers))
                except ValueError:
                    raise AnnotationError(
                        f'{path}:{number}: expected name,width,height, found '
                        f'{",".join(row)!r}'
                    ) from None
    except FileNotFoundError:
        raise AnnotationError(f'{path}: no such file') from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AnnotationError(f'{path}: not a table: {error}') from None
    return rows


def _stamp(path: Path) -> tuple[int, int] | None:
    """Bytes and time of the last change, in nanoseconds, if it is there."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # too long a name, or one of no file
        return None
    return status.st_size, status.st_mtime_ns


def _header(path: Path) -> ImageHeader:
    try:
        return read_header(path)
    except FileNotFoundError:
        raise AnnotationError(
            f'{path}: no such image, but the annotations name it; check '
            'data_root and data_prefix, or give image_sizes'
        ) from None
    except (OSError, ValueError) as error:
        raise AnnotationError(f'{path}: not a readable image: {error}') from (
            None
        )


def read_headers(folder: str | Path, names: list[str]) -> list[ImageHeader]:
    """Read the headers of images.

    Args:
        folder (str | Path): Folder of the images.
        names (list[str]): Their paths below it.

    Returns:
        list[ImageHeader]: In the order of the names.

    Raises:
        AnnotationError: If an image is missing or not readable.
    """
    folder = Path(folder)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(_header, [folder / name for name in names])
        bar = track(
            found,
            total=len(names),
            description='Image sizes',
            disable=len(names) < 500,
        )
        # The bar first: it ends only if it is asked after the last one.
        return [header for header, _ in zip(bar, names)]


def image_sizes(
    folder: str | Path, names: list[str], cache: str | Path | None = None
) -> Sizes:
    """Read the sizes of images from their headers, or from the cache.

    Images that are missing in the cache, or whose file has changed, are read
    again, and the cache is updated.

    Args:
        folder (str | Path): Folder of the images.
        names (list[str]): Their paths below it.
        cache (str | Path, optional): Table of name, width, height, bytes and
            time of the file.

    Returns:
        dict[str, tuple[int, int]]: Width and height in pixels by name.

    Raises:
        AnnotationError: If an image is missing or not readable.
    """
    rows: dict[str, tuple[int, ...]] = {}
    if cache is not None and Path(cache).is_file():
        try:
            rows = _read_rows(cache)
        except AnnotationError as error:
            print_log(f'{error}; reading the images anew', 'current', 30)
    folder = Path(folder)
    with ThreadPoolExecutor(8) as pool:
        stamps = pool.map(_stamp, [folder / name for name in names])
        stamps = dict(zip(names, stamps))
    new = [
        name
        for name, stamp in stamps.items()
        if stamp is None or rows.get(name, ())[2:] != stamp
    ]
    for name, header in zip(new, read_headers(folder, new)):
        rows[name] = (*header.size, *(stamps[name] or ()))
    if cache is not None and new:
        _write_cache(Path(cache), rows)
    return {name: rows[name][:2] for name in names}


def _write_cache(path: Path, rows: dict[str, tuple[int, ...]]) -> None:
    try:
        with (
            atomic_file(path) as partial,  # every rank may write
            open(partial, 'w', newline='', encoding='utf-8') as file,
        ):
            writer = csv.writer(file)
            writer.writerows((name, *row) for name, row in rows.items())
    except OSError as error:
        print_log(
            f'{path}: cannot be written ({error}); image sizes will be read '
            'again next time',
            'current',
            30,
        )
