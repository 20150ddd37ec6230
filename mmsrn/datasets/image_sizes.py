"""Widths and heights of many images, read once."""

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmengine.logging import print_log
from PIL import Image
from rich.progress import track

from mmsrn.evaluation.readers import AnnotationError
from mmsrn.utils.atomic_file import atomic_file

Sizes = dict[str, tuple[int, int]]
_ORIENTATION = 0x0112  # EXIF tag


def read_size_csv(path: str | Path) -> Sizes:
    """Read a table of image sizes.

    Args:
        path (str | Path): Lines of name, width, height; those that
            :func:`image_sizes` keeps also have bytes and time of the file.

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
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _header_size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            width, height = image.size
            # Decoders turn photographs of a camera on its side.
            turned = image.format in ('JPEG', 'MPO') and (
                image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
            )
            return (height, width) if turned else (width, height)
    except FileNotFoundError:
        raise AnnotationError(
            f'{path}: no such image, but the annotations name it; check '
            'data_root and data_prefix, or give image_sizes'
        ) from None
    except Exception as error:  # a damaged file may raise anything
        raise AnnotationError(f'{path}: not a readable image: {error}') from (
            None
        )


def image_sizes(
    folder: str | Path, names: list[str], cache: str | Path | None = None
) -> Sizes:
    """Read the sizes of images from their headers, or from the cache.

    An image that is not in the cache, or whose file has changed since, is
    read, and the cache written anew.

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
    paths = {name: Path(folder, name) for name in names}
    with ThreadPoolExecutor(8) as pool:
        stamps = dict(zip(paths, pool.map(_stamp, paths.values())))
        new = [
            name
            for name, stamp in stamps.items()
            if stamp is None or rows.get(name, ())[2:] != stamp
        ]
        found = pool.map(_header_size, [paths[name] for name in new])
        bar = track(
            found,
            total=len(new),
            description='Image sizes',
            disable=len(new) < 500,
        )
        # The bar first: it ends only if it is asked after the last one.
        for size, name in zip(bar, new):
            rows[name] = (*size, *(stamps[name] or ()))
    if cache is not None and new:
        _write_cache(Path(cache), rows)
    return {name: rows[name][:2] for name in paths}


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
